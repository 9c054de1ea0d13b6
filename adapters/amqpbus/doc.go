// Package amqpbus is a Watermill publisher and subscriber over AMQP 0.9.1. Hosts
// that run RabbitMQ import it to feed it from the log and to run consumers on it;
// hosts without a broker need neither.
//
// A topic is a durable fanout exchange, and each group has a durable queue on
// it, named "topic_group". A queue has one active consumer at a time, with one
// message under way; when its process ends, the next one takes over. Messages
// are persistent, and a publication is acknowledged by the broker's
// confirmation.
//
// RabbitMQ drops what is published to an exchange without a queue, so a group
// gets what comes after its first Subscribe or SubscribeInitialize; Receivers of
// watermillbus read what was before from the log.
//
// It stands on amqp091-go alone, and its messages are those of Watermill's own
// adapter. That one reads and replaces its connection in several goroutines
// without a lock, which the race detector reports whenever a connection is lost;
// its pool of channels panics then.
package amqpbus
