package smtpmail

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/go-engage/engage/messaging"
)

func TestRepliesAreClassedByPhaseAndCode(t *testing.T) {
	t.Parallel()
	retryable, permanent, gone := messaging.FailureRetryable, messaging.FailurePermanent, messaging.FailureAddressGone
	config, payload, unknown := messaging.FailureConfig, messaging.FailurePayload, messaging.FailureUnknown
	for _, c := range []struct {
		at    phase
		reply string
		want  messaging.FailureClass
		code  string
	}{
		{phaseBanner, "421 4.3.2 too many connections", retryable, "421 4.3.2"},
		{phaseBanner, "554 your address is on a list", config, "554"},
		{phaseEHLO, "550 5.7.1 bad name", config, "550 5.7.1"},
		{phaseSTARTTLS, "454 4.7.0 TLS not available", retryable, "454 4.7.0"},
		{phaseAUTH, "454 4.7.0 temporary", retryable, "454 4.7.0"},
		{phaseAUTH, "535 5.7.8 bad credentials", config, "535 5.7.8"},
		{phaseAUTH, "504 5.5.4 unknown mechanism", config, "504 5.5.4"},
		{phaseMAIL, "530 5.7.0 sign in first", config, "530 5.7.0"},
		{phaseMAIL, "552 5.3.4 too large", payload, "552 5.3.4"},
		{phaseMAIL, "553 5.1.8 sender unknown", config, "553 5.1.8"},
		{phaseRCPT, "550 5.1.1 no such user", gone, "550 5.1.1"},
		{phaseRCPT, "550-5.1.1 two\r\n550 5.1.1 lines", gone, "550 5.1.1"},
		{phaseRCPT, "550 5.1.10 null MX", gone, "550 5.1.10"},
		{phaseRCPT, "550 5.2.1 disabled", gone, "550 5.2.1"},
		{phaseRCPT, "550 5.7.1 relay denied", permanent, "550 5.7.1"},
		{phaseRCPT, "550 no such user, or not for you", permanent, "550"},
		{phaseRCPT, "552 5.2.2 mailbox full", permanent, "552 5.2.2"},
		{phaseRCPT, "552 5.2.3 too large for it", payload, "552 5.2.3"},
		{phaseRCPT, "450 4.2.1 later", retryable, "450 4.2.1"},
		{phaseRCPT, "452 4.2.2 mailbox full", retryable, "452 4.2.2"},
		{phaseRCPT, "550 4.1.1 the classes differ", permanent, "550"},
		{phaseDATA, "554 5.5.1 no recipients", permanent, "554 5.5.1"},
		{phaseDATA, "250 out of step", retryable, "250"},
		{phaseFinal, "451 4.7.1 greylisted", retryable, "451 4.7.1"},
		{phaseFinal, "421 4.3.0 going down", retryable, "421 4.3.0"},
		{phaseFinal, "552 too large", payload, "552"},
		{phaseFinal, "554 5.6.0 malformed", payload, "554 5.6.0"},
		{phaseFinal, "550 5.1.1 found out late", gone, "550 5.1.1"},
		{phaseFinal, "554 5.7.1 spam", permanent, "554 5.7.1"},
		{phaseFinal, "354 out of step", unknown, "354"},
	} {
		got, err := readReply(bufio.NewReader(strings.NewReader(c.reply + "\r\n")))
		if err != nil {
			t.Errorf("%s: %v", c.reply, err)
			continue
		}
		if e := refused(c.at, got); e.Class != c.want || e.Code != c.code {
			t.Errorf("%s %s: got %s (%s), want %s (%s)", c.at, c.reply, e.Class, e.Code, c.want, c.code)
		}
	}
}

func TestASignInErrorDoesNotQuoteTheServer(t *testing.T) {
	t.Parallel()
	got, err := readReply(bufio.NewReader(strings.NewReader("535 5.7.8 wrong: AUTH PLAIN AHVzZXIAc2VjcmV0\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	if text := refused(phaseAUTH, got).Error(); strings.Contains(text, "AHVz") {
		t.Error(text)
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "550 5.1.1 no\r\n", "550-5.1.1 a\r\n550 5.1.1 b\r\n", "250", "2\r\n", "999 x\r\n", "250-a\r\n251 b\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readReply(bufio.NewReaderSize(bytes.NewReader(data), 2*maxReplyLine))
		if err != nil {
			return
		}
		text := got.text()
		if got.code < 200 || got.code > 599 || len(got.lines) == 0 || len(got.lines) > maxReplyLines || len(text) > maxReplyText {
			t.Fatalf("%+v", got)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Fatalf("%q is not printable", text)
		}
		for _, at := range []phase{phaseBanner, phaseAUTH, phaseMAIL, phaseRCPT, phaseDATA, phaseFinal} {
			if class := refused(at, got).Class; class == "" {
				t.Fatalf("%s %+v has no class", at, got)
			}
		}
	})
}
