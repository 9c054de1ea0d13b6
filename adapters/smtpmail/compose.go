package smtpmail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gopkg.in/gomail.v2"

	"github.com/go-engage/engage/messaging"
)

// maxWireLine is the longest line of a message, CRLF not counted (RFC 5322 §2.1.1).
const maxWireLine = 998

// compose writes the message as it goes over the wire, before the stuffing of
// dots: ASCII, lines of at most 998 bytes that end in CRLF. The email is valid.
func compose(email messaging.Email, date time.Time) ([]byte, error) {
	m := gomail.NewMessage()
	m.SetHeader("Date", m.FormatDate(date))
	m.SetHeader("Message-ID", "<"+email.MessageID+">")
	m.SetHeader("From", formatAddress(email.From))
	m.SetHeader("To", formatAddress(email.To))
	if !email.ReplyTo.IsZero() {
		m.SetHeader("Reply-To", formatAddress(email.ReplyTo))
	}
	m.SetHeader("Subject", encodeText(email.Subject))
	for _, name := range slices.Sorted(maps.Keys(email.Headers)) {
		m.SetHeader(name, email.Headers[name])
	}
	if email.Text != "" {
		m.AddAlternative("text/plain", email.Text)
	}
	if email.HTML != "" {
		m.AddAlternative("text/html", email.HTML)
	}
	for _, a := range email.Attachments {
		attach(m, a)
	}
	var wire bytes.Buffer
	if _, err := m.WriteTo(&wire); err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(wire.Bytes(), []byte("\r\n")) {
		wire.WriteString("\r\n")
	}
	return wire.Bytes(), checkWire(wire.Bytes())
}

// attach gives gomail every header of the part: its own put the file's name in
// raw. The name that it would open is never a user's.
func attach(m *gomail.Message, a messaging.Attachment) {
	contentType := a.ContentType
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	m.Attach("attachment",
		gomail.SetHeader(map[string][]string{
			"Content-Type":        {contentType},
			"Content-Disposition": {mime.FormatMediaType("attachment", map[string]string{"filename": a.Filename})},
		}),
		gomail.SetCopyFunc(func(w io.Writer) error {
			_, err := w.Write(a.Content)
			return err
		}))
}

func formatAddress(a messaging.Address) string {
	switch {
	case a.Name == "":
		return a.Email
	case needsEncoding(a.Name):
		return encodeText(a.Name) + " <" + a.Email + ">"
	}
	return a.String()
}

// needsEncoding finds plain ASCII that would not arrive as it is: what looks
// like an encoded word, spaces that folding would lose, words too long to fold.
// What is not ASCII gomail and net/mail encode by themselves.
func needsEncoding(s string) bool {
	return strings.Contains(s, "=?") || strings.Contains(s, "  ") || strings.TrimSpace(s) != s ||
		slices.ContainsFunc(strings.Fields(s), func(word string) bool { return len(word) > 200 })
}

// encodeText writes such text as base64 words of RFC 2047, each of at most 75
// characters and of whole runes.
func encodeText(s string) string {
	if !needsEncoding(s) {
		return s
	}
	const perWord = 45
	var words []string
	for len(s) > 0 {
		end := min(perWord, len(s))
		for end < len(s) && !utf8.RuneStart(s[end]) {
			end--
		}
		words = append(words, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:end]))+"?=")
		s = s[end:]
	}
	return strings.Join(words, " ")
}

var errWire = errors.New("the composed message breaks the rules of SMTP")

// checkWire is the last look at the bytes before they leave: a bare CR or LF is
// how one message smuggles in another.
func checkWire(wire []byte) error {
	start := 0
	for i, c := range wire {
		switch {
		case c == '\n' && (i == 0 || wire[i-1] != '\r'), c == '\r' && (i+1 == len(wire) || wire[i+1] != '\n'):
			return fmt.Errorf("%w: a bare CR or LF at byte %d", errWire, i)
		case c == 0 || c >= 0x80:
			return fmt.Errorf("%w: byte %#x at %d", errWire, c, i)
		case c == '\n':
			if i-1-start > maxWireLine {
				return fmt.Errorf("%w: a line of %d bytes", errWire, i-1-start)
			}
			start = i + 1
		}
	}
	return nil
}

// stuffDots doubles the dot at the start of a line (RFC 5321 §4.5.2).
func stuffDots(wire []byte) []byte {
	if bytes.HasPrefix(wire, []byte(".")) {
		wire = append([]byte("."), wire...)
	}
	return bytes.ReplaceAll(wire, []byte("\r\n."), []byte("\r\n.."))
}
