package smtpmail

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// maxCommandLine is the longest command line that every server takes, its end not
// counted (RFC 5321 §4.5.3.1.4); a longer answer waits for the challenge (RFC 4954
// §4).
const maxCommandLine = 510

// signIn proves who is sending, with the best mechanism that both sides have.
func (s *session) signIn(ctx context.Context) error {
	user, password := s.config.Username, s.config.Password.Reveal()
	offered := strings.Fields(strings.ToUpper(s.extensions["AUTH"]))
	switch {
	case user == "":
		return nil
	case !s.secure && !(s.config.UnsafeLoopbackAuth && isLoopback(s.raw.RemoteAddr())):
		return misconfigured(phaseAUTH, "credentials need TLS")
	case s.config.Token != nil && slices.Contains(offered, "XOAUTH2"):
		return s.signInWithToken(ctx)
	case password != "" && slices.Contains(offered, "PLAIN"):
		return s.exchange(ctx, "PLAIN", "\x00"+user+"\x00"+password)
	case password != "" && slices.Contains(offered, "LOGIN"):
		return s.exchange(ctx, "LOGIN", user, password)
	case password == "":
		return misconfigured(phaseAUTH, "the server does not offer XOAUTH2")
	}
	return misconfigured(phaseAUTH, "the server offers neither PLAIN nor LOGIN")
}

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// signInWithToken follows Google's and Microsoft's XOAUTH2.
func (s *session) signInWithToken(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, s.config.Timeouts.Command)
	token, err := s.config.Token(asking)
	cancel()
	if err == nil && (token.IsZero() || strings.ContainsFunc(token.Reveal(), func(r rune) bool { return r <= ' ' || r > '~' })) {
		err = fmt.Errorf("the token is empty or not printable: %w", engage.ErrInvalid)
	}
	if err != nil {
		class := messaging.FailureRetryable
		for _, final := range []error{engage.ErrUnauthenticated, engage.ErrPermissionDenied, engage.ErrFailedPrecondition, engage.ErrInvalid, engage.ErrNotFound} {
			if errors.Is(err, final) {
				class = messaging.FailureConfig
			}
		}
		return &messaging.SendError{Class: class, Err: fmt.Errorf("%s: no token: %w", phaseAUTH, err)}
	}
	return s.exchange(ctx, "XOAUTH2", "user="+s.config.Username+"\x01auth=Bearer "+token.Reveal()+"\x01\x01")
}

// exchange names a mechanism and gives its answers to the server's challenges. An
// answer that is the client's first word goes along with the command.
func (s *session) exchange(ctx context.Context, mechanism string, answers ...string) error {
	encode := base64.StdEncoding.EncodeToString
	line := "AUTH " + mechanism
	if first := line + " " + encode([]byte(answers[0])); mechanism != "LOGIN" && len(first) <= maxCommandLine {
		line, answers = first, answers[1:]
	}
	got, err := s.command(ctx, phaseAUTH, line)
	for _, answer := range answers {
		if err == nil && got.code != 334 {
			err = refused(phaseAUTH, got)
		}
		if err != nil {
			return err
		}
		got, err = s.command(ctx, phaseAUTH, encode([]byte(answer)))
	}
	if err == nil && got.code == 334 && mechanism == "XOAUTH2" {
		// The challenge says why not; the refusal follows an empty answer.
		got, err = s.command(ctx, phaseAUTH, "")
	}
	if err == nil && got.code != 235 {
		err = refused(phaseAUTH, got)
	}
	return err
}
