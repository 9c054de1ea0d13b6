package main

import (
	"fmt"
	"net/textproto"
)

// floorSMTP sends the same message n times on one connection, a command a round
// trip, as package net/smtp does.
func floorSMTP(addr, from, to string, wire []byte, n int) error {
	conn, err := textproto.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	say := func(want int, format string, args ...any) {
		if err == nil && format != "" {
			err = conn.PrintfLine(format, args...)
		}
		if err == nil {
			_, _, err = conn.ReadResponse(want)
		}
	}
	say(220, "")
	say(250, "EHLO localhost")
	for range n {
		say(250, "MAIL FROM:<%s>", from)
		say(250, "RCPT TO:<%s>", to)
		say(354, "DATA")
		if err != nil {
			break
		}
		body := conn.DotWriter()
		_, _ = body.Write(wire)
		err = body.Close()
		say(250, "")
	}
	if err != nil {
		return fmt.Errorf("the conversation of the floor: %w", err)
	}
	return nil
}
