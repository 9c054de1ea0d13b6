package mailcatcher_test

import (
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/smtpmail/mailcatcher"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, config mailcatcher.Config) *mailcatcher.Catcher {
	t.Helper()
	catcher, err := mailcatcher.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = catcher.Close() })
	return catcher
}

func send(t *testing.T, catcher *mailcatcher.Catcher, to, raw string) error {
	t.Helper()
	return smtp.SendMail(catcher.Addr(), nil, "from@example.com", []string{to}, []byte(strings.ReplaceAll(raw, "\n", "\r\n")))
}

func TestAMessageIsTakenApart(t *testing.T) {
	t.Parallel()
	catcher := start(t, mailcatcher.Config{})
	err := send(t, catcher, "to@example.net", `From: "A" <a@example.com>
To: b@example.net
Reply-To: c@example.com
Message-ID: <1@example.com>
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: multipart/alternative; boundary=y

--y
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

Hall=C3=B6
--y
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: base64

PHA+SGk8L3A+
--y--
--x
Content-Type: application/pdf
Content-Disposition: attachment; filename*=UTF-8''M%C3%A4rz.pdf
Content-Transfer-Encoding: base64

eA==
--x--
`)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := catcher.Wait(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	m := messages[0]
	got := fmt.Sprintf("%s>%s %s>%s %s %s %s %q %s %s %s %s %v", m.EnvelopeFrom, m.EnvelopeTo, m.From, m.To, m.ReplyTo, m.MessageID, m.Subject,
		m.Text, m.HTML, m.Attachments[0].Filename, m.Attachments[0].ContentType, m.Attachments[0].Content, m.Err)
	want := `from@example.com>to@example.net a@example.com>b@example.net c@example.com 1@example.com Grüße "Hallö" <p>Hi</p> März.pdf application/pdf x <nil>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestABrokenMessageIsKeptWithItsFault(t *testing.T) {
	t.Parallel()
	catcher := start(t, mailcatcher.Config{})
	for _, raw := range []string{"no header at all\n", "Content-Type: multipart/mixed; boundary=x\n\n--x\n\ncut", "Content-Transfer-Encoding: base64\n\n!!!\n"} {
		if err := send(t, catcher, "a@example.net", raw); err != nil {
			t.Fatal(err)
		}
	}
	messages, err := catcher.Wait(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if m.Err == nil || len(m.Raw) == 0 {
			t.Errorf("%q: %v", m.Raw, m.Err)
		}
	}
}

func TestRepeatsAreSeen(t *testing.T) {
	t.Parallel()
	catcher := start(t, mailcatcher.Config{})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			if err := send(t, catcher, fmt.Sprintf("%d@example.net", i%2), fmt.Sprintf("Message-ID: <%d@x>\n\nx\n", i%3)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, unique := len(catcher.Messages()), len(catcher.Unique()); all != 6 || unique != 6 {
		t.Errorf("%d messages, %d unique", all, unique)
	}
	if err := send(t, catcher, "0@example.net", "Message-ID: <0@x>\n\nagain\n"); err != nil {
		t.Fatal(err)
	}
	if all, unique := len(catcher.Messages()), len(catcher.Unique()); all != 7 || unique != 6 {
		t.Errorf("%d messages, %d unique", all, unique)
	}
	catcher.Reset()
	if len(catcher.Messages()) != 0 {
		t.Error("it did not forget")
	}
}

func TestARecipientCanBeRefused(t *testing.T) {
	t.Parallel()
	catcher := start(t, mailcatcher.Config{Refuse: func(recipient string) *mailcatcher.Refusal {
		if recipient == "gone@example.net" {
			return &mailcatcher.Refusal{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"}
		}
		return nil
	}})
	if err := send(t, catcher, "gone@example.net", "\nx\n"); err == nil || !strings.Contains(err.Error(), "5.1.1 no such user") {
		t.Errorf("got %v", err)
	}
	if err := send(t, catcher, "here@example.net", "\nx\n"); err != nil || len(catcher.Messages()) != 1 {
		t.Errorf("got %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := start(t, mailcatcher.Config{}).Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTheCatcherStaysOnThisMachine(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{":2525", "0.0.0.0:0", "192.0.2.1:0", "example.com:25", "x"} {
		if _, err := mailcatcher.Start(mailcatcher.Config{Addr: addr}); !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("%s: %v", addr, err)
		}
	}
	catcher := start(t, mailcatcher.Config{})
	if _, err := mailcatcher.Start(mailcatcher.Config{Addr: catcher.Addr()}); !errors.Is(err, engage.ErrUnavailable) {
		t.Errorf("a port that is taken: %v", err)
	}
	for range 2 {
		if err := catcher.Close(); err != nil {
			t.Error(err)
		}
	}
}
