package smtpmail

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-engage/engage/messaging"
)

// What a server may answer: a reply beyond these bounds is a broken server's.
const (
	maxReplyLine  = 2048 // bytes; RFC 5321 §4.5.3.1.5 says 512
	maxReplyLines = 64
	maxReplyText  = 200 // bytes of a reply's text that an error keeps
)

// reply is a server's answer to a command.
type reply struct {
	code     int
	enhanced string   // "5.1.1", or "" (RFC 2034)
	lines    []string // without codes
}

func (r reply) ok() bool { return r.code/100 == 2 }

// status is the code as SendError carries it: "550 5.1.1".
func (r reply) status() string {
	if r.enhanced == "" {
		return fmt.Sprintf("%d", r.code)
	}
	return fmt.Sprintf("%d %s", r.code, r.enhanced)
}

// text is what the server said, printable and short.
func (r reply) text() string {
	s := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, strings.Join(r.lines, " "))
	return s[:min(len(s), maxReplyText)]
}

var (
	errReplyTooLong = errors.New("the server's reply is too long")
	errNoReply      = errors.New("the server does not speak SMTP")
)

// readReply reads one reply of one or more lines (RFC 5321 §4.2.1).
func readReply(r *bufio.Reader) (reply, error) {
	var got reply
	for range maxReplyLines {
		line, err := readReplyLine(r)
		if err != nil {
			return reply{}, err
		}
		code, more, text, err := parseReplyLine(line)
		if err != nil {
			return reply{}, err
		}
		if got.code != 0 && got.code != code {
			return reply{}, errNoReply
		}
		got.code = code
		if enhanced, rest, ok := cutEnhanced(code, text); ok {
			if got.enhanced == "" {
				got.enhanced = enhanced
			}
			text = rest
		}
		got.lines = append(got.lines, text)
		if !more {
			return got, nil
		}
	}
	return reply{}, errReplyTooLong
}

func readReplyLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > maxReplyLine:
		return "", errReplyTooLong
	case errors.Is(err, io.EOF):
		return "", io.ErrUnexpectedEOF // a line without its end says nothing
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

func parseReplyLine(line string) (code int, more bool, text string, err error) {
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, false, "", errNoReply
	}
	for _, c := range []byte(line[:3]) {
		if c < '0' || c > '9' {
			return 0, false, "", errNoReply
		}
		code = code*10 + int(c-'0')
	}
	switch {
	case len(line) == 3:
		return code, false, "", nil
	case line[3] == ' ' || line[3] == '-':
		return code, line[3] == '-', line[4:], nil
	}
	return 0, false, "", errNoReply
}

// cutEnhanced takes "5.1.1" off the text of a 5xx line; the class must agree
// with the code.
func cutEnhanced(code int, text string) (enhanced, rest string, ok bool) {
	word, rest, _ := strings.Cut(text, " ")
	parts := strings.Split(word, ".")
	if len(parts) != 3 || parts[0] != fmt.Sprint(code/100) {
		return "", "", false
	}
	for _, part := range parts {
		if part == "" || len(part) > 3 || strings.Trim(part, "0123456789") != "" {
			return "", "", false
		}
	}
	return word, rest, true
}

// phase is a part of the conversation; failures are classed by it.
type phase string

const (
	phaseDial     phase = "dial"
	phaseTLS      phase = "TLS handshake"
	phaseBanner   phase = "banner"
	phaseEHLO     phase = "EHLO"
	phaseSTARTTLS phase = "STARTTLS"
	phaseAUTH     phase = "AUTH"
	phaseRSET     phase = "RSET"
	phaseMAIL     phase = "MAIL"
	phaseRCPT     phase = "RCPT"
	phaseDATA     phase = "DATA"
	phaseBody     phase = "message"
	phaseFinal    phase = "final reply"
)

// refused makes the error of a reply that is not the one hoped for.
func refused(at phase, r reply) *messaging.SendError {
	text := r.text()
	if at == phaseAUTH {
		text = "sign-in refused" // a server may quote what it was sent
	}
	return &messaging.SendError{
		Class: classOfReply(at, r),
		Code:  r.status(),
		Err:   fmt.Errorf("%s: %s %s", at, r.status(), text),
	}
}

// classOfReply reads a reply in the light of what it answers. A reply after the
// final dot is as good as one before it: the server has spoken, and not taken
// the message.
func classOfReply(at phase, r reply) messaging.FailureClass {
	switch {
	case r.code/100 == 4, at == phaseRSET:
		return messaging.FailureRetryable
	case r.code/100 != 5:
		// The server is out of step. Before the dot nothing has been taken.
		if at == phaseFinal {
			return messaging.FailureUnknown
		}
		return messaging.FailureRetryable
	case r.isAboutPayload():
		return messaging.FailurePayload
	case r.isAboutSignIn():
		return messaging.FailureConfig
	}
	switch at {
	case phaseRCPT, phaseDATA, phaseBody, phaseFinal:
		if r.isAddressGone() {
			return messaging.FailureAddressGone
		}
		return messaging.FailurePermanent
	case phaseDial, phaseTLS, phaseBanner, phaseEHLO, phaseSTARTTLS, phaseAUTH, phaseRSET, phaseMAIL:
	}
	// The server does not want this client, or this envelope sender, and has not
	// heard of the recipient yet.
	return messaging.FailureConfig
}

// isAboutPayload: too large for the mailbox or the system (X.2.3, X.3.4), content
// that cannot be converted (X.6.x), or a bare 552.
func (r reply) isAboutPayload() bool {
	return r.enhanced == "5.2.3" || r.enhanced == "5.3.4" || strings.HasPrefix(r.enhanced, "5.6.") ||
		r.code == 552 && r.enhanced == ""
}

// isAboutSignIn covers the codes of RFC 4954 §6.
func (r reply) isAboutSignIn() bool { return r.code == 530 || r.code == 535 || r.code == 538 }

// isAddressGone: bad mailbox, bad system, bad syntax, mailbox moved, null MX
// (RFC 7505), mailbox disabled. A reply without an enhanced code may be about
// policy as well, so it does not condemn the address.
func (r reply) isAddressGone() bool {
	switch r.enhanced {
	case "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1":
		return true
	}
	return false
}
