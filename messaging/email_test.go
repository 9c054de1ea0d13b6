package messaging_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

func validEmail() messaging.Email {
	return messaging.Email{
		From: messaging.Address{Name: "Ada’s Shop", Email: "shop@example.com"}, To: messaging.Address{Email: "grace@example.net"},
		MessageID: "01jd3v9r8w@example.com", Subject: "Grüße", Text: "Hello", HTML: "<p>Hello</p>",
	}
}

func TestEmailsThatPass(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*messaging.Email){
		"as it is":          func(*messaging.Email) {},
		"only text":         func(e *messaging.Email) { e.HTML = "" },
		"only HTML":         func(e *messaging.Email) { e.Text = "" },
		"without a subject": func(e *messaging.Email) { e.Subject = "" },
		"odd addresses": func(e *messaging.Email) {
			e.To.Email, e.ReturnPath = "a.b+c'd_e=f@xn--bcher-kva.example", "bounce+1=x@localhost"
		},
		"a reply address": func(e *messaging.Email) { e.ReplyTo = messaging.Address{Name: `A "B", C`, Email: "x@example.com"} },
		"one-click unsubscription": func(e *messaging.Email) {
			e.Headers = map[string]string{
				"List-Unsubscribe":      "<https://example.com/u/1>, <mailto:u@example.com?subject=1>",
				"List-Unsubscribe-Post": "List-Unsubscribe=One-Click", "X-Campaign": "1", "feedback-id": "a:b:c",
			}
		},
		"attachments": func(e *messaging.Email) {
			e.Attachments = []messaging.Attachment{{Filename: "Rechnung für März.pdf", ContentType: "application/pdf"}, {Filename: "a"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			email := validEmail()
			change(&email)
			if err := email.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEmailsThatAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 999)
	for _, c := range []struct {
		name   string
		change func(*messaging.Email)
		want   string // path and code of each fault
	}{
		{"an empty one", func(e *messaging.Email) { *e = messaging.Email{} }, "from.email required, to.email required, message_id required, html required"},
		{"a line break in the subject", func(e *messaging.Email) { e.Subject = "a\nb" }, "subject control_character"},
		{"another line break", func(e *messaging.Email) { e.Subject = "a\u2028b\u0085" }, "subject control_character"},
		{"text that runs backwards", func(e *messaging.Email) { e.From.Name = "a\u202eb" }, "from.name control_character"},
		{"a long subject", func(e *messaging.Email) { e.Subject = long }, "subject too_long"},
		{"bytes that are no text", func(e *messaging.Email) { e.Subject, e.HTML = "\xff", "\xff" }, "subject invalid, html invalid"},
		{"a zero byte in a body", func(e *messaging.Email) { e.Text = "a\x00" }, "text control_character"},
		{"two recipients", func(e *messaging.Email) { e.To.Email = "a@b.c,d@e.f" }, "to.email invalid"},
		{"a name in the address", func(e *messaging.Email) { e.To.Email = "A <a@b.c>" }, "to.email invalid"},
		{"a quoted local part", func(e *messaging.Email) { e.To.Email = `"a b"@b.c` }, "to.email invalid"},
		{"an address literal", func(e *messaging.Email) { e.To.Email = "a@[127.0.0.1]" }, "to.email invalid"},
		{"a comment", func(e *messaging.Email) { e.To.Email = "a(b)@c.d" }, "to.email invalid"},
		{"dots in the wrong places", func(e *messaging.Email) {
			e.To.Email, e.From.Email, e.ReturnPath = ".a@b.c", "a..b@c.d", "a@b..c"
		}, "from.email invalid, to.email invalid, return_path invalid"},
		{"no at", func(e *messaging.Email) { e.To.Email = "ab.c" }, "to.email invalid"},
		{"two ats", func(e *messaging.Email) { e.To.Email = "a@b@c.d" }, "to.email invalid"},
		{"not ASCII", func(e *messaging.Email) { e.To.Email = "ä@b.c" }, "to.email not_ascii"},
		{"a line break in an address", func(e *messaging.Email) { e.ReturnPath = "a@b.c>\r\nRCPT TO:<x@y.z" }, "return_path not_ascii"},
		{"a long local part", func(e *messaging.Email) { e.To.Email = strings.Repeat("a", 65) + "@b.c" }, "to.email too_long"},
		{"angle brackets around the id", func(e *messaging.Email) { e.MessageID = "<a@b.c>" }, "message_id invalid"},
		{"a header that is ours", func(e *messaging.Email) { e.Headers = map[string]string{"Bcc": "a@b.c", "X-": "y", "X-A B": "z"} }, `headers["Bcc"] not_allowed, headers["X-"] not_allowed, headers["X-A B"] not_allowed`},
		{"a header twice", func(e *messaging.Email) { e.Headers = map[string]string{"X-A": "1", "x-a": "2"} }, `headers["x-a"] duplicate`},
		{"header values", func(e *messaging.Email) {
			e.Headers = map[string]string{"X-A": "a\r\n b", "X-B": " ", "X-C": "a  b", "X-D": long, "X-E": strings.Repeat("x ", 3000), "X-F": "ä"}
		}, `headers["X-A"] not_ascii, headers["X-B"] required, headers["X-C"] invalid, headers["X-D"] too_long, headers["X-E"] too_long, headers["X-F"] not_ascii`},
		{"attachments", func(e *messaging.Email) {
			e.Attachments = []messaging.Attachment{{}, {Filename: "../a"}, {Filename: "a\r\nb"}, {Filename: "a", ContentType: "text/html; x=y"}, {Filename: "a", ContentType: "multipart/mixed"}}
		}, "attachments[0].filename required, attachments[1].filename invalid, attachments[2].filename control_character, attachments[3].content_type invalid, attachments[4].content_type invalid"},
		{"too much of all", func(e *messaging.Email) {
			e.Text = strings.Repeat("x", messaging.MaxBodyBytes+1)
			e.Attachments = []messaging.Attachment{{Filename: "a", Content: make([]byte, messaging.MaxEmailBytes)}}
			e.Headers = map[string]string{}
			for i := range messaging.MaxHeaders + 1 {
				e.Headers[fmt.Sprintf("X-%d", i)] = "x"
			}
		}, "text too_long, headers too_many, attachments too_long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			email := validEmail()
			c.change(&email)
			err := email.Validate()
			if !errors.Is(err, engage.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			var got []string
			for _, f := range engage.FieldsOf(err) {
				got = append(got, f.Path+" "+f.Code)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), c.want)
			}
		})
	}
}
