// Package amqpbus sets Watermill's adapter for AMQP 0.9.1 up so that it keeps
// what it takes, and keeps it in order. Hosts that run RabbitMQ import it to
// feed it from the log and to run consumers on it.
//
// A topic is a durable fanout exchange, and each group has a durable queue on
// it, named "topic_group". A queue has one active consumer at a time, with one
// message under way; when its process ends, the next one takes over. Messages
// are persistent, and a publication is acknowledged by the broker's
// confirmation.
//
// RabbitMQ drops what is published to an exchange without a queue, so a group
// gets what comes after its first Subscribe; Receivers of watermillbus read what
// was before from the log.
package amqpbus
