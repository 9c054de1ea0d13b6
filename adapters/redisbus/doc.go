// Package redisbus sets Watermill's adapter for Redis Streams up so that it
// keeps what it takes. Hosts that run Redis import it to feed it from the log
// and to run consumers on it.
//
// A topic is a stream, a group a consumer group of it. Redis hands a group's
// messages to whichever of its processes asks: one process has one message of a
// topic under way at a time, two have two. Receivers of watermillbus keep the
// order all the same; plain Watermill handlers that need it run in one process.
//
// What Redis has answered is as durable as its settings: with "appendonly yes"
// and "appendfsync everysec" a power failure costs it the last second. The log
// still has it.
package redisbus
