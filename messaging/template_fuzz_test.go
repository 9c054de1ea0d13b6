package messaging_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
)

// FuzzTemplate holds any template with any value against what Compile and Render
// promise: errors are ErrInvalid, limits hold, the same comes out twice, and HTML
// in a value stays text.
func FuzzTemplate(f *testing.F) {
	for _, source := range []string{
		"Hi {{ name | default: 'there' }}", "{% if name contains 'a' %}{{ list | sort | join: ', ' }}{% endif %}",
		"{% for i in list reversed limit: 2 offset: 1 %}{{ forloop.index }}{{ i }}{% else %}-{% endfor %}",
		"{% case name %}{% when 'a', 'b' %}1{% else %}2{% endcase %}", "{% capture x %}{{ name }}{% endcapture %}{{ x | newline_to_br }}",
		"{% assign x = map.a[0].b | times: 3 %}{{- x -}} {{ map | json }}", "{{ (a and b) or c == nil }}", "{{ 1 | divided_by: 0 }}{{ '2026-01-01' | date: '%-d' }}",
	} {
		f.Add(source, "<script>&amp;\"'")
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		compiled, err := messaging.Template{Subject: source, HTML: source, Text: source, Missing: messaging.MissingIsEmpty}.Compile()
		if err != nil {
			if !errors.Is(err, engage.ErrInvalid) {
				t.Fatalf("Compile: %v", err)
			}
			return
		}
		data := map[string]any{
			"name": value, "list": []any{value, 3, 1.5, nil, true, []string{value}},
			"map": map[string]any{"a": []any{map[string]any{"b": value}}, value: value},
		}
		got, err := compiled.Render(data)
		again, errAgain := compiled.Render(data)
		if got != again || (err == nil) != (errAgain == nil) {
			t.Fatalf("two renderings differ: %+v, %v and %+v, %v", got, err, again, errAgain)
		}
		if err != nil {
			if !errors.Is(err, engage.ErrInvalid) {
				t.Fatalf("Render: %v", err)
			}
			return
		}
		for _, out := range []string{got.Subject, got.HTML, got.Text} {
			if len(out) > messaging.MaxOutputBytes {
				t.Fatalf("%d bytes of output", len(out))
			}
		}
		if strings.ContainsAny(got.Subject, "\r\n\x00") {
			t.Fatalf("the subject has lines: %q", got.Subject)
		}
		if !strings.Contains(source, "<") && strings.Contains(strings.ReplaceAll(got.HTML, "<br>", ""), "<") {
			t.Fatalf("a value became HTML: %q", got.HTML)
		}
	})
}

// FuzzEmail holds any values against what Validate promises of those it passes.
func FuzzEmail(f *testing.F) {
	f.Add("Ada", "ada@example.com", "Hello", "X-Campaign", "spring", "1@example.com", "a.pdf", "application/pdf")
	f.Add("A\r\nBcc: x", "a@b\r\n", "S\nx", "X-A\r\nBcc", "v\r\n", "<1@b>", "a\"\r\n.pdf", "text/html; charset=x")
	f.Fuzz(func(t *testing.T, name, address, subject, header, value, id, filename, contentType string) {
		email := messaging.Email{
			From: messaging.Address{Name: name, Email: address}, To: messaging.Address{Name: name, Email: address},
			ReplyTo: messaging.Address{Name: name, Email: address}, ReturnPath: address, MessageID: id, Subject: subject, Text: "x",
			Headers:     map[string]string{header: value},
			Attachments: []messaging.Attachment{{Filename: filename, ContentType: contentType}},
		}
		err := email.Validate()
		if err != nil {
			if !errors.Is(err, engage.ErrInvalid) || len(engage.FieldsOf(err)) == 0 {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, s := range []string{name, address, subject, header, value, id, filename, contentType} {
			if strings.ContainsAny(s, "\r\n\x00") {
				t.Fatalf("%q passed", s)
			}
		}
		for _, s := range []string{address, id, header} {
			if strings.ContainsAny(s, " <>\"(),:;[]\\") {
				t.Fatalf("%q passed", s)
			}
		}
	})
}
