package amqpbus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/go-engage/engage"
)

// Config is what publishers and subscribers have in common. URI is required.
type Config struct {
	// URI names the broker and the user: amqp://user:password@host:5672/vhost.
	URI engage.Secret
	TLS *tls.Config // for amqps; nil: the system's certificates

	Logger *slog.Logger // nil: discards
}

const (
	// DefaultNackDelay is the pause before a message that was refused comes
	// again, and before a lost connection is opened again.
	DefaultNackDelay = 100 * time.Millisecond

	dialTimeout    = 5 * time.Second
	heartbeat      = 5 * time.Second // a silent broker is given up after two
	confirmTimeout = 10 * time.Second
)

var (
	errClosed      = errors.New("closed")
	errUnconfirmed = errors.New("the broker refused the message")
	errLost        = errors.New("the connection was lost")
)

func (cfg Config) resolve(faults *engage.Faults) Config {
	if cfg.URI.IsZero() {
		faults.Add("uri", "required", "the broker's URI is required")
	} else if _, err := amqp.ParseURI(cfg.URI.Reveal()); err != nil {
		faults.Add("uri", "invalid", "it is no AMQP URI") // the error would show the password
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// connection is opened when it is needed, and again when it was lost.
type connection struct {
	cfg Config

	mu   sync.Mutex
	open *amqp.Connection
}

// channel opens a channel, with a connection if there is none.
func (c *connection) channel() (*amqp.Channel, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil || c.open.IsClosed() {
		open, err := amqp.DialConfig(c.cfg.URI.Reveal(), amqp.Config{
			TLSClientConfig: c.cfg.TLS, Heartbeat: heartbeat, Locale: "en_US", Dial: amqp.DefaultDial(dialTimeout),
		})
		if err != nil {
			return nil, err
		}
		c.open = open
	}
	return c.open.Channel()
}

func (c *connection) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		return nil
	}
	err := c.open.Close()
	if errors.Is(err, amqp.ErrClosed) {
		return nil
	}
	return err
}

// declareExchange makes a topic's exchange.
func declareExchange(channel *amqp.Channel, topic string) error {
	return channel.ExchangeDeclare(topic, amqp.ExchangeFanout, true, false, false, false, nil)
}

// declareQueue makes a group's queue of a topic.
func declareQueue(channel *amqp.Channel, topic, group string) error {
	if err := declareExchange(channel, topic); err != nil {
		return err
	}
	queue := Queue(topic, group)
	if _, err := channel.QueueDeclare(queue, true, false, false, false, amqp.Table{amqp.SingleActiveConsumerArg: true}); err != nil {
		return err
	}
	return channel.QueueBind(queue, "", topic, false, nil)
}

// Queue is the name of a group's queue of a topic.
func Queue(topic, group string) string { return topic + "_" + group }

// HeaderUUID carries a message's UUID, as Watermill's own adapter has it. The
// metadata are headers under their own names.
const HeaderUUID = "_watermill_message_uuid"

func marshal(msg *message.Message) amqp.Publishing {
	headers := amqp.Table{HeaderUUID: msg.UUID}
	for key, value := range msg.Metadata {
		headers[key] = value
	}
	return amqp.Publishing{Body: msg.Payload, Headers: headers, DeliveryMode: amqp.Persistent}
}

func unmarshal(in *amqp.Delivery) *message.Message {
	uuid, _ := in.Headers[HeaderUUID].(string)
	msg := message.NewMessage(uuid, in.Body)
	for key, value := range in.Headers {
		if text, ok := value.(string); ok && key != HeaderUUID {
			msg.Metadata.Set(key, text)
		}
	}
	return msg
}

// lostBy says why a channel ended, if the broker did.
func lostBy(err *amqp.Error) error {
	if err == nil {
		return errLost
	}
	return fmt.Errorf("%w: %w", errLost, err)
}

func unavailable(op, entity string, err error) error {
	return &engage.Error{Code: engage.Unavailable, Op: op, Entity: entity, Err: err}
}
