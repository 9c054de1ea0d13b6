// Package natsbus is a Watermill publisher and subscriber over NATS JetStream.
// Hosts that run NATS import it to feed it from the log and to run consumers on
// it; hosts without a broker need neither.
//
// One stream holds the messages of all topics, each under the subject
// "prefix.topic", and every group has a durable consumer for each topic, so
// groups do not take messages from each other. A consumer has one message under
// way at a time, however many processes share the group: the next one follows
// the acknowledgement, so a topic's messages come in order.
//
// It stands on nats.go alone. Watermill's own adapter makes ephemeral consumers,
// takes the topic for the stream's name, and refuses a second group.
package natsbus
