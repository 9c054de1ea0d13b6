package natsbus

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-engage/engage"
)

// Config is what publishers and subscribers have in common. JetStream is
// required.
type Config struct {
	// JetStream is a context on the host's connection, which stays the host's:
	// nats.Connect with MaxReconnects(-1), so that it outlives a restart of the
	// server, and jetstream.New.
	JetStream jetstream.JetStream

	// Stream is the stream's name. "": "ENGAGE". Prefix is where its subjects
	// begin. "": "engage".
	Stream, Prefix string
	// Replicas, MaxAge and MaxBytes are the stream's when it is made. One that
	// exists keeps what it has. 0: 1 replica, DefaultMaxAge, no limit of bytes.
	Replicas int
	MaxAge   time.Duration
	MaxBytes int64

	Logger *slog.Logger // nil: discards
}

// The defaults that Config and SubscriberConfig name.
const (
	// DefaultMaxAge is how long the stream keeps messages: as long as the log
	// keeps its slices, so that both can bring what the other lost.
	DefaultMaxAge = 3 * 24 * time.Hour
	// DefaultAckWait is after how long without a sign of life from the receiver
	// a message comes again, perhaps to another process.
	DefaultAckWait = 15 * time.Second
	// DefaultNackDelay is the pause before a message that was refused comes
	// again.
	DefaultNackDelay = 100 * time.Millisecond
)

var errClosed = errors.New("closed")

func (cfg Config) resolve(faults *engage.Faults) Config {
	if cfg.JetStream == nil {
		faults.Add("jetstream", "required", "a JetStream context is required")
	}
	if cfg.Stream == "" {
		cfg.Stream = "ENGAGE"
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "engage"
	}
	if strings.ContainsAny(cfg.Stream, ".*> /\\\t\r\n") {
		faults.Add("stream", "invalid", "%q is no name of a stream", cfg.Stream)
	}
	if !isSubject(cfg.Prefix) {
		faults.Add("prefix", "invalid", "%q is no subject", cfg.Prefix)
	}
	if cfg.Replicas < 0 || cfg.MaxAge < 0 || cfg.MaxBytes < 0 {
		faults.Add("replicas", "out_of_range", "replicas, age and bytes are not negative")
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = DefaultMaxAge
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// isSubject reports whether a text names one subject.
func isSubject(s string) bool {
	for token := range strings.SplitSeq(s, ".") {
		if token == "" || strings.ContainsAny(token, "*> \t\r\n\x00") {
			return false
		}
	}
	return true
}

// Subject is the subject of a topic's messages.
func (cfg Config) Subject(topic string) (string, error) {
	var faults engage.Faults
	cfg = cfg.resolve(&engage.Faults{})
	if !isSubject(topic) {
		faults.Add("topic", "invalid", "%q can't be a subject", topic)
	}
	return cfg.Prefix + "." + topic, faults.Err("natsbus.Subject", topic)
}

// stream is a stream that is made when it is first needed.
type stream struct {
	cfg  Config
	made atomic.Bool
}

func (s *stream) ensure(ctx context.Context) error {
	if s.made.Load() {
		return nil
	}
	_, err := s.cfg.JetStream.CreateStream(ctx, jetstream.StreamConfig{
		Name: s.cfg.Stream, Subjects: []string{s.cfg.Prefix + ".>"}, Storage: jetstream.FileStorage,
		Replicas: max(s.cfg.Replicas, 1), MaxAge: s.cfg.MaxAge, MaxBytes: max(s.cfg.MaxBytes, -1),
	})
	if err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return unavailable("natsbus.CreateStream", s.cfg.Stream, err)
	}
	s.made.Store(true)
	return nil
}

// durable is the name of a group's consumer of a topic.
func durable(group, topic string) string {
	readable := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, group+"_"+topic)
	sum := sha256.Sum256([]byte(group + "\x00" + topic))
	return fmt.Sprintf("%.80s_%x", readable, sum[:8])
}

func unavailable(op, entity string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &engage.Error{Code: engage.Unavailable, Op: op, Entity: entity, Err: err}
}
