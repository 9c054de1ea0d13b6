package redisbus

import (
	"context"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/redis/go-redis/v9"

	"github.com/go-engage/engage"
)

// Config is what publishers and subscribers are made of. Client is required.
type Config struct {
	// Client is the host's and stays open when publishers and subscribers close.
	// Each Subscribe holds up to three of its connections.
	Client redis.UniversalClient

	// MaxLen is about how many messages a stream keeps: Redis does not forget
	// what was acknowledged. 0: DefaultMaxLen; negative: all.
	MaxLen int64
	// ClaimIdle is after how long a message that a process has taken and not
	// acknowledged goes to another one. It is longer than the slowest handler;
	// a Subscriber gives no sign of life meanwhile. 0: DefaultClaimIdle.
	ClaimIdle time.Duration
	// NackDelay is the pause before a message that was refused comes again. 0:
	// DefaultNackDelay.
	NackDelay time.Duration

	Logger *slog.Logger // nil: discards
}

// The defaults that Config names.
const (
	// DefaultMaxLen is, with slices of 500 events, what a lane carries in five
	// million events.
	DefaultMaxLen = 10_000
	// DefaultClaimIdle is how long a dead process's message waits.
	DefaultClaimIdle = time.Minute
	// DefaultNackDelay keeps a handler that fails from being asked without end.
	DefaultNackDelay = 100 * time.Millisecond
)

func (cfg Config) resolve(faults *engage.Faults) Config {
	if cfg.Client == nil {
		faults.Add("client", "required", "a Redis client is required")
	}
	if cfg.ClaimIdle < 0 || cfg.NackDelay < 0 {
		faults.Add("claim_idle", "out_of_range", "claim idle and nack delay are not negative")
	}
	if cfg.MaxLen == 0 {
		cfg.MaxLen = DefaultMaxLen
	}
	if cfg.ClaimIdle == 0 {
		cfg.ClaimIdle = DefaultClaimIdle
	}
	if cfg.NackDelay == 0 {
		cfg.NackDelay = DefaultNackDelay
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// borrowed is a client that is not ours to close.
type borrowed struct{ redis.UniversalClient }

func (borrowed) Close() error { return nil }

// XReadGroup answers "nothing" to a reader that is told to end: for an error it
// would rest half a second first, long after Close.
func (b borrowed) XReadGroup(ctx context.Context, args *redis.XReadGroupArgs) *redis.XStreamSliceCmd {
	read := b.UniversalClient.XReadGroup(ctx, args)
	if read.Err() != nil && ctx.Err() != nil {
		read.SetErr(redis.Nil)
	}
	return read
}

// NewPublisher makes a publisher. Publish answers nil when Redis has answered
// for every message, in their order. A missing client answers ErrInvalid.
func NewPublisher(cfg Config) (message.Publisher, error) {
	var faults engage.Faults
	cfg = cfg.resolve(&faults)
	if err := faults.Err("redisbus.NewPublisher", ""); err != nil {
		return nil, err
	}
	return redisstream.NewPublisher(redisstream.PublisherConfig{
		Client: borrowed{cfg.Client}, DefaultMaxlen: max(cfg.MaxLen, 0),
	}, logger(cfg.Logger))
}

// NewSubscriber makes a subscriber of a group, which is made with the first
// Subscribe and begins at the oldest message that is kept. A missing client or
// group answers ErrInvalid.
func NewSubscriber(cfg Config, group string) (message.Subscriber, error) {
	var faults engage.Faults
	cfg = cfg.resolve(&faults)
	if group == "" {
		faults.Add("group", "required", "a group, under which Redis keeps what was acknowledged")
	}
	if err := faults.Err("redisbus.NewSubscriber", group); err != nil {
		return nil, err
	}
	return redisstream.NewSubscriber(redisstream.SubscriberConfig{
		Client: borrowed{cfg.Client}, ConsumerGroup: group, OldestId: "0",
		NackResendSleep: cfg.NackDelay,
		MaxIdleTime:     cfg.ClaimIdle, ClaimInterval: min(cfg.ClaimIdle, redisstream.DefaultClaimInterval),
		// The first read would wait for a message without end, and Close for it.
		DisableIndefiniteInitialBlock: true,
	}, logger(cfg.Logger))
}

// logger says Watermill's info, which is said for each message, as debug.
func logger(log *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
}
