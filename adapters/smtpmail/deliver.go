package smtpmail

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-engage/engage/messaging"
)

// envelope is who a message is from and to, for the server.
type envelope struct{ from, to string }

// deliver hands one message over. Its error is a *messaging.SendError, and stale
// says that the server had hung up before it heard of the message, as it may with
// a connection that rested.
func (s *session) deliver(ctx context.Context, e envelope, wire []byte) (got reply, stale bool, err error) {
	s.served++
	s.reusable = false
	stop := context.AfterFunc(ctx, s.abort)
	defer func() {
		if !stop() {
			s.reusable = false // it is closed, or about to be
		}
	}()
	if limit, _ := strconv.Atoi(s.extensions["SIZE"]); limit > 0 && len(wire) > limit {
		s.reusable = true // it has heard nothing
		return reply{}, false, &messaging.SendError{
			Class: messaging.FailurePayload,
			Err:   fmt.Errorf("MAIL: %d bytes, and the server takes %d", len(wire), limit),
		}
	}
	if stale, err := s.address(ctx, e, len(wire)); err != nil {
		return reply{}, stale, err
	}
	if err := s.write(ctx, wire); err != nil {
		return reply{}, false, err
	}
	got, err = s.finish(ctx)
	return got, false, err
}

// command is a line of the envelope and the reply that lets the next one follow.
type command struct {
	at   phase
	line string
}

func (c command) accepts(r reply) bool {
	if c.at == phaseDATA {
		return r.code == 354
	}
	return r.ok()
}

// commands are those that come before a message. What is left of a message that
// was refused is cleared first: a strict server would answer 503 to a second MAIL.
func (s *session) commands(e envelope, size int) []command {
	mail := "MAIL FROM:<" + e.from + ">"
	if _, ok := s.extensions["SIZE"]; ok {
		mail += " SIZE=" + strconv.Itoa(size)
	}
	commands := []command{{phaseMAIL, mail}, {phaseRCPT, "RCPT TO:<" + e.to + ">"}, {phaseDATA, "DATA"}}
	if s.dirty {
		commands = append([]command{{phaseRSET, "RSET"}}, commands...)
	}
	return commands
}

// address sends the envelope, in one go where the server takes it.
func (s *session) address(ctx context.Context, e envelope, size int) (stale bool, err error) {
	commands := s.commands(e, size)
	_, pipelining := s.extensions["PIPELINING"]
	if pipelining {
		s.arm(ctx, s.config.Timeouts.Command)
		var batch strings.Builder
		for _, c := range commands {
			batch.WriteString(c.line + "\r\n")
		}
		if _, err := s.conn.Write([]byte(batch.String())); err != nil {
			return true, broken(ctx, phaseMAIL, err)
		}
	}
	for i, c := range commands {
		var got reply
		if pipelining {
			s.arm(ctx, s.config.Timeouts.Command)
			if got, err = readReply(s.reader); err != nil {
				err = broken(ctx, c.at, err)
			}
		} else {
			got, err = s.command(ctx, c.at, c.line)
		}
		unheard := c.at == phaseRSET || c.at == phaseMAIL
		if err != nil {
			return unheard, err
		}
		if !c.accepts(got) {
			refusal := refused(c.at, got)
			s.dirty = true
			s.reusable = leavesOrder(refusal, got) && (!pipelining || s.refuses(commands[i+1:]))
			return c.at == phaseRSET || unheard && got.code == 421, refusal
		}
	}
	s.dirty = false
	return false, nil
}

// refuses reads the replies to what was sent behind a refused command. A server
// that takes any of it is out of step; one that waits for a message whose envelope
// it refused is left, so that it gets none.
func (s *session) refuses(behind []command) bool {
	for range behind {
		got, err := readReply(s.reader)
		if err != nil || got.code/100 < 4 || got.code == 421 {
			return false
		}
	}
	return true
}

// write sends the message without its final dot. Until that is sent the server
// cannot take the message.
func (s *session) write(ctx context.Context, wire []byte) error {
	s.arm(ctx, s.config.Timeouts.Body)
	if _, err := s.conn.Write(stuffDots(wire)); err != nil {
		return broken(ctx, phaseBody, err)
	}
	if s.reader.Buffered() > 0 {
		// The server spoke out of turn: it gave up, or is a reply ahead, and then
		// the one to the dot could not be told from it.
		got, err := readReply(s.reader)
		if err != nil {
			return broken(ctx, phaseBody, err)
		}
		return refused(phaseBody, got)
	}
	if err := context.Cause(ctx); err != nil {
		return broken(ctx, phaseBody, err)
	}
	return nil
}

// finish sends the dot. From here on only the server's word tells what became of
// the message.
func (s *session) finish(ctx context.Context) (reply, error) {
	s.arm(ctx, s.config.Timeouts.Final)
	if n, err := s.conn.Write([]byte(".\r\n")); err != nil {
		if n == 0 {
			return reply{}, broken(ctx, phaseBody, err) // the dot never left
		}
		return reply{}, broken(ctx, phaseFinal, err)
	}
	got, err := readReply(s.reader)
	if err != nil {
		return reply{}, broken(ctx, phaseFinal, err)
	}
	if !got.ok() {
		refusal := refused(phaseFinal, got)
		s.reusable, s.dirty = leavesOrder(refusal, got), true
		return reply{}, refusal
	}
	s.reusable = s.reader.Buffered() == 0
	return got, nil
}

// leavesOrder reports whether both sides know where they are after a refusal: the
// server stays, and what it minds is this message and not this client.
func leavesOrder(refusal *messaging.SendError, r reply) bool {
	return r.code/100 >= 4 && r.code != 421 && refusal.Class != messaging.FailureConfig
}
