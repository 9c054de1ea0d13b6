package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/netguard"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/messaging"
)

// startSMTP composes and sends an 8 KiB message over one connection; the floor
// sends the bytes that came of it. The store has no part in it.
func startSMTP(ctx context.Context, _, _ string) (sides, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return sides{}, err
	}
	var last atomic.Pointer[[]byte]
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go swallow(conn, &last)
		}
	}()
	addr := listener.Addr().String()
	sender, err := smtpmail.New(smtpmail.Config{
		Addr: addr, TLS: smtpmail.UnsafePlaintext, Policy: netguard.Policy{Private: []string{addr}},
		MaxConns: 1, MaxMessages: 1 << 30,
	})
	if err != nil {
		return sides{}, errors.Join(err, listener.Close())
	}
	email := messaging.Email{
		From: messaging.Address{Name: "Acme", Email: "team@acme.test"}, To: messaging.Address{Email: "grace@example.net"},
		MessageID: "1@acme.test", Subject: "What is new", Text: "Hello.\n",
		HTML: "<p>" + strings.Repeat("a line of a newsletter, with words in it<br>\n", 8<<10/44) + "</p>",
	}
	ours := func(ctx context.Context, n int) error {
		for range n {
			if _, err := sender.SendEmail(ctx, engage.WorkspaceID{1}, email); err != nil {
				return err
			}
		}
		return nil
	}
	if err := ours(ctx, 1); err != nil { // the bytes for the floor
		return sides{}, errors.Join(err, sender.Close(), listener.Close())
	}
	wire := *last.Load()
	return sides{
		floor: func(_ context.Context, n int) error {
			return floorSMTP(addr, email.From.Email, email.To.Email, wire, n)
		},
		ours:  ours,
		close: func() error { return errors.Join(sender.Close(), listener.Close()) },
	}, nil
}

// swallow is a mail server that looks at as little as it can, and keeps the first
// message of a connection.
func swallow(conn net.Conn, last *atomic.Pointer[[]byte]) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReaderSize(conn, 64<<10)
	say := func(s string) { _, _ = io.WriteString(conn, s) }
	say("220 sink\r\n")
	for first := true; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		switch line[0] {
		case 'E':
			say("250-sink\r\n250 PIPELINING\r\n")
		case 'D':
			say("354 go\r\n")
			var message []byte
			for {
				line, err := in.ReadSlice('\n')
				if err != nil {
					return
				}
				if bytes.Equal(line, []byte(".\r\n")) {
					break
				}
				if first {
					message = append(message, line...)
				}
			}
			if first {
				last.Store(&message)
				first = false
			}
			say("250 queued\r\n")
		default: // MAIL, RCPT, QUIT
			say("250 ok\r\n")
		}
	}
}
