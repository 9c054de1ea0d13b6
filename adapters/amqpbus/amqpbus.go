package amqpbus

import (
	"crypto/tls"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-amqp/v3/pkg/amqp"
	"github.com/ThreeDotsLabs/watermill/message"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/go-engage/engage"
)

// Config is what publishers and subscribers are made of. URI is required.
type Config struct {
	// URI names the broker and the user: amqp://user:password@host:5672/vhost.
	URI engage.Secret
	TLS *tls.Config // for amqps; nil: the system's certificates

	Logger *slog.Logger // nil: discards
}

// settings is Watermill's configuration of a group; "": of a publisher.
func (cfg Config) settings(group string) amqp.Config {
	settings := amqp.NewDurablePubSubConfig(cfg.URI.Reveal(), func(topic string) string { return Queue(topic, group) })
	settings.Connection.TLSConfig = cfg.TLS
	settings.Publish.ConfirmDelivery = true
	// A pool of channels would save three round trips a call; Watermill's loses
	// one with every lost connection, and panics when it looks at it twice.
	settings.Publish.ChannelPoolSize = 0
	settings.Consume.Qos = amqp.QosConfig{PrefetchCount: 1}
	settings.Queue.Arguments = amqp091.Table{"x-single-active-consumer": true}
	return settings
}

// Queue is the name of a group's queue on a topic.
func Queue(topic, group string) string { return topic + "_" + group }

func (cfg Config) check(faults *engage.Faults) Config {
	if cfg.URI.IsZero() {
		faults.Add("uri", "required", "the broker's URI is required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// NewPublisher connects a publisher. Publish answers nil when the broker has
// confirmed every message, in their order. A missing URI answers ErrInvalid, a
// broker that does not answer ErrUnavailable.
func NewPublisher(cfg Config) (message.Publisher, error) {
	const op = "amqpbus.NewPublisher"
	var faults engage.Faults
	cfg = cfg.check(&faults)
	if err := faults.Err(op, ""); err != nil {
		return nil, err
	}
	publisher, err := amqp.NewPublisher(cfg.settings(""), logger(cfg.Logger))
	if err != nil {
		return nil, &engage.Error{Code: engage.Unavailable, Op: op, Err: err}
	}
	return publisher, nil
}

// NewSubscriber connects a subscriber of a group. What is missing answers
// ErrInvalid, a broker that does not answer ErrUnavailable.
func NewSubscriber(cfg Config, group string) (message.Subscriber, error) {
	const op = "amqpbus.NewSubscriber"
	var faults engage.Faults
	cfg = cfg.check(&faults)
	if group == "" {
		faults.Add("group", "required", "a group, which has a queue for each topic")
	}
	if err := faults.Err(op, group); err != nil {
		return nil, err
	}
	subscriber, err := amqp.NewSubscriber(cfg.settings(group), logger(cfg.Logger))
	if err != nil {
		return nil, &engage.Error{Code: engage.Unavailable, Op: op, Entity: group, Err: err}
	}
	return subscriber, nil
}

// logger says Watermill's info, which is said for each connection, as debug.
func logger(log *slog.Logger) watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
}
