package smtpmail_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
	"github.com/go-engage/engage/messaging"
)

// payloads try to break out of the place they are put in.
func payloads() []string {
	list := []string{
		"", " ", "x", "ä", "日本語の件名はとても長いので折り返される必要があります。日本語の件名はとても長いので折り返される必要があります。", "👩‍🚀", "a\tb", "a  b", " a ", "a\u00a0b",
		"=?utf-8?q?=0D=0ABcc:_evil=40example.com?=", "=?UTF-8?B?DQpCY2M6IHhAeS56?=", "=?utf-8?q?a?= =?utf-8?q?b?=", "=?x", "?=",
		"\"", "\\", "\\\"", "a\"; filename=\"evil.exe", "a\"\r\nContent-Type: text/html\r\n\r\n<script>", "a; b=c", "a, b", "a<b>", "<a@b.c>", "a@b.c, d@e.f", "a (comment) b", "group: a@b.c;",
		"%0d%0aBcc:%20x", "%s%n", "{{ secret }}", "../../etc/passwd", "C:\\x", "/dev/null", "a%00.pdf", "filename*=utf-8''x", "--boundary", "\r\n--boundary--\r\n", ".", "\r\n.\r\n", "\n.\n", "\r.\r", "QUIT",
		strings.Repeat("a", 900), strings.Repeat("a ", 450), strings.Repeat("é", 400), strings.Repeat("=", 300), strings.Repeat("\"", 200), "a@example.com", "a.b+c@example.com", "text/html", "multipart/mixed", "message/rfc822",
		"List-Unsubscribe=One-Click", "<https://example.com/u>", "X-Custom", "Bcc", "to", "Content-Type", "X-", "X-A: b",
	}
	for _, end := range []string{"\r\n", "\n", "\r", "\x00", "\u2028", "\u0085", "\x0b", "\x0c", "\x1b", "\x7f", "\r\n ", "\r\n\t", "\r\n\r\n", "\xff", "\u202e"} {
		list = append(list, "a"+end+"Bcc: evil@example.com", end+"x", "x"+end, "a@example.com"+end+"RCPT TO:<evil@example.com>")
	}
	return list
}

// sinks are the values of an email that reach the wire outside its bodies.
var sinks = map[string]func(*messaging.Email, string){
	"from.name":  func(e *messaging.Email, s string) { e.From.Name = s },
	"from.email": func(e *messaging.Email, s string) { e.From.Email = s },
	"to.name":    func(e *messaging.Email, s string) { e.To.Name = s },
	"to.email":   func(e *messaging.Email, s string) { e.To.Email = s },
	"reply.name": func(e *messaging.Email, s string) {
		e.ReplyTo = messaging.Address{Name: s, Email: "reply@example.com"}
	},
	"reply.email":  func(e *messaging.Email, s string) { e.ReplyTo = messaging.Address{Name: "R", Email: s} },
	"return_path":  func(e *messaging.Email, s string) { e.ReturnPath = s },
	"message_id":   func(e *messaging.Email, s string) { e.MessageID = s },
	"subject":      func(e *messaging.Email, s string) { e.Subject = s },
	"header name":  func(e *messaging.Email, s string) { e.Headers = map[string]string{s: "x"} },
	"header value": func(e *messaging.Email, s string) { e.Headers = map[string]string{"X-Campaign": s} },
	"filename": func(e *messaging.Email, s string) {
		e.Attachments = []messaging.Attachment{{Filename: s, Content: []byte("x")}}
	},
	"content type": func(e *messaging.Email, s string) {
		e.Attachments = []messaging.Attachment{{Filename: "a", ContentType: s, Content: []byte("x")}}
	},
}

// TestNoValueBreaksOutOfItsPlace sends every payload in every place, and lets an
// independent parser read the bytes that arrived: either nothing was sent, or the
// message is the one that was meant, header by header.
func TestNoValueBreaksOutOfItsPlace(t *testing.T) {
	t.Parallel()
	catcher, err := mailcatcher.Start(mailcatcher.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = catcher.Close() }()
	sender, err := smtpmail.New(smtpmail.Config{Addr: catcher.Addr(), TLS: smtpmail.UnsafePlaintext, Policy: catcher.Policy()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	sent, refused := 0, 0
	for _, place := range slices.Sorted(maps.Keys(sinks)) {
		for _, payload := range payloads() {
			e := email(1)
			e.Subject = "Subject"
			sinks[place](&e, payload)
			_, err := sender.SendEmail(t.Context(), workspace, e)
			if err != nil {
				if refused++; messaging.ClassOf(err) != messaging.FailurePayload {
					t.Errorf("%s %q: %v", place, payload, err)
				}
				continue
			}
			sent++
			messages, err := catcher.Wait(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			catcher.Reset()
			m := messages[0]
			if m.EnvelopeFrom != e.EnvelopeFrom() || m.EnvelopeTo != e.To.Email || len(messages) != 1 {
				t.Errorf("%s %q: %d messages, the envelope is %s → %s", place, payload, len(messages), m.EnvelopeFrom, m.EnvelopeTo)
			}
			if diff := cmp.Diff(meant(e), read(m.Raw)); diff != "" {
				t.Errorf("%s %q (-meant +read):\n%s\n%s", place, payload, diff, m.Raw)
			}
		}
	}
	if sent+refused < 540 {
		t.Errorf("%d payloads, want 540", sent+refused)
	}
	t.Logf("%d places, %d payloads: %d refused, %d sent and read as meant", len(sinks), len(payloads()), refused, sent)
}

// facts are what a message says, once it has been read.
type facts struct {
	Fields      []string // names, sorted, with repeats
	From, To    string
	ReplyTo     string
	Subject, ID string
	Custom      string
	Bodies      []string
	Files       []string
	Broken      string
}

func meant(e messaging.Email) facts {
	f := facts{
		Fields:  []string{"Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"},
		From:    e.From.Name + "|" + e.From.Email,
		To:      e.To.Name + "|" + e.To.Email,
		Subject: e.Subject, ID: e.MessageID,
		Bodies: []string{"text/plain " + strings.ReplaceAll(e.Text, "\n", "\r\n"), "text/html " + e.HTML},
	}
	if !e.ReplyTo.IsZero() {
		f.Fields, f.ReplyTo = append(f.Fields, "Reply-To"), e.ReplyTo.Name+"|"+e.ReplyTo.Email
	}
	for name, value := range e.Headers {
		f.Fields, f.Custom = append(f.Fields, canonical(name)), value
	}
	for _, a := range e.Attachments {
		contentType := a.ContentType
		if contentType == "" {
			contentType = "application/octet-stream"
		}
		f.Files = append(f.Files, fmt.Sprintf("%s %s %s", a.Filename, contentType, a.Content))
	}
	slices.Sort(f.Fields)
	return f
}

func canonical(name string) string {
	var h message.Header
	h.Set(name, "x")
	fields := h.Fields()
	fields.Next()
	return fields.Key()
}

// read takes the message apart with a parser that shares nothing with what wrote
// it.
func read(raw []byte) facts {
	var f facts
	reader, err := mail.CreateReader(bytes.NewReader(raw))
	if err != nil {
		return facts{Broken: err.Error()}
	}
	for fields := reader.Header.Fields(); fields.Next(); {
		f.Fields = append(f.Fields, fields.Key())
		if strings.HasPrefix(fields.Key(), "X-") || strings.HasPrefix(fields.Key(), "List-") {
			f.Custom = fields.Value()
		}
	}
	slices.Sort(f.Fields)
	address := func(field string) string {
		list, err := reader.Header.AddressList(field)
		if err != nil || len(list) > 1 {
			f.Broken += fmt.Sprintf("%s: %d addresses, %v. ", field, len(list), err)
		}
		if len(list) != 1 {
			return ""
		}
		return list[0].Name + "|" + list[0].Address
	}
	f.From, f.To, f.ReplyTo = address("From"), address("To"), address("Reply-To")
	if f.Subject, err = reader.Header.Subject(); err != nil {
		f.Broken += err.Error()
	}
	if f.ID, err = reader.Header.MessageID(); err != nil {
		f.Broken += err.Error()
	}
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return f
		}
		if err != nil {
			f.Broken += err.Error()
			return f
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			f.Broken += err.Error()
		}
		switch header := part.Header.(type) {
		case *mail.InlineHeader:
			contentType, _, _ := header.ContentType()
			f.Bodies = append(f.Bodies, contentType+" "+string(body))
		case *mail.AttachmentHeader:
			name, err := header.Filename()
			if err != nil {
				f.Broken += err.Error()
			}
			contentType, params, _ := header.ContentType()
			if len(params) > 0 {
				f.Broken += "parameters of the content type. "
			}
			f.Files = append(f.Files, fmt.Sprintf("%s %s %s", name, contentType, body))
		}
	}
}
