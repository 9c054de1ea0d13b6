// Package canary puts secrets through everything that prints, encodes, stores or
// reports, and looks for them in what came out, in every spelling. Its tests are
// all there is; the gate runs them.
package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// kinds are forms in which secrets come; %s is where nobody could guess.
var kinds = []struct{ name, form string }{
	{"secret API key", "engs_06e0000000000000000000000_%s"},
	{"write key", "engw_06e0000000000000000000000_%s"},
	{"SMTP password", "%s"},
	{"IMAP password", "p'ä$$\"%s\\"},
	{"PostgreSQL DSN", "postgres://engage:%s@db.acme.test:5432/engage?sslmode=require"},
	{"MariaDB DSN", "engage:%s@tcp(db.acme.test:3306)/engage"},
	{"AMQP URI", "amqp://engage:%s@mq.acme.test:5672/"},
	{"Redis URI", "rediss://:%s@cache.acme.test:6379/0"},
	{"NATS token", "nats://%s@bus.acme.test:4222"},
	{"OAuth access token", "ya29.%s"},
	{"OAuth refresh token", "1//0g%s"},
	{"OAuth client secret", "GOCSPX-%s"},
	{"JWT", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.%s"},
	{"session token", "ses_%s"},
	{"password reset token", "rst_%s"},
	{"invitation token", "inv_%s"},
	{"password", "correct horse %s staple"},
	{"password hash", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$%s"},
	{"webhook secret", "whsec_%s"},
	{"Meta app secret", "EAAG%s"},
	{"Twilio auth token", "SK%s"},
	{"Telegram bot token", "123456789:AA%s"},
	{"AWS secret key", "wJalrXUtnFEMI/%s"},
	{"GCP service account key", `{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n"}`},
	{"APNs key", "-----BEGIN EC PRIVATE KEY-----\n%s\n-----END EC PRIVATE KEY-----\n"},
	{"VAPID private key", "vapid_%s"},
	{"pass signing password", "p12_%s"},
	{"host key", "hostkey_%s"},
	{"TOTP seed", "otpauth://totp/acme:ana?secret=%s"},
	{"basic authorization", "Basic %s"},
	{"cookie", "__Host-session=%s; Secure"},
	{"link signature", "https://acme.test/u?sig=%s"},
}

// canary is a secret, of which core stands in each spelling.
type canary struct {
	name string
	core []byte // what must not be seen
	text string // the secret, which holds core
}

// newCanaries draws one of each kind, the same in each run.
func newCanaries() []canary {
	random := rand.New(rand.NewPCG(7, 7))
	all := make([]canary, len(kinds))
	for i, kind := range kinds {
		core := make([]byte, 24)
		for j := range core {
			core[j] = "abcdefghijkmnopqrstuvwxyz23456789"[random.IntN(33)]
		}
		all[i] = canary{kind.name, core, fmt.Sprintf(kind.form, core)}
	}
	return all
}

// spellings are the forms in which bytes may appear in another text: as they
// are, reversed, in hexadecimal, and within base64 of both alphabets, wherever
// they begin in a group of three. Letters are in lower case for all but base64.
func spellings(core []byte) map[string][]byte {
	reversed := slices.Clone(core)
	slices.Reverse(reversed)
	all := map[string][]byte{
		"plain": lowered(core), "reversed": lowered(reversed),
		"hex": []byte(hex.EncodeToString(core)), "hex of reversed": []byte(hex.EncodeToString(reversed)),
		"decimal bytes": []byte(strings.Trim(fmt.Sprintf("%d", core), "[]")),
		"hex dump":      []byte(fmt.Sprintf("% x", core)),
	}
	for offset := range 3 {
		padded := append(make([]byte, offset), core...)
		first, last := (offset*8+5)/6, len(padded)*8/6 // characters that core alone decides
		for alphabet, encoding := range map[string]*base64.Encoding{"std": base64.RawStdEncoding, "url": base64.RawURLEncoding} {
			all[fmt.Sprintf("base64 %s at %d", alphabet, offset)] = []byte(encoding.EncodeToString(padded)[first:last])
		}
	}
	return all
}

// find names the canaries that are in what came out, with their spelling.
func find(canaries []canary, out []byte) []string {
	var hits []string
	lower := lowered(out)
	for _, c := range canaries {
		for spelling, form := range spellings(c.core) {
			in := lower
			if strings.HasPrefix(spelling, "base64") {
				in = out
			}
			if bytes.Contains(in, form) {
				hits = append(hits, c.name+", "+spelling)
			}
		}
	}
	slices.Sort(hits)
	return hits
}

// lowered is bytes with the letters of ASCII in lower case; bytes.ToLower would
// change what is no UTF-8.
func lowered(b []byte) []byte {
	b = slices.Clone(b)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// TestTheSearchFindsEverySpelling plants each canary in each spelling.
func TestTheSearchFindsEverySpelling(t *testing.T) {
	t.Parallel()
	canaries := newCanaries()
	if len(canaries) < 30 {
		t.Fatalf("%d kinds of secrets, want at least 30", len(canaries))
	}
	binary := []byte{0xff, 0x00, 0xc3, 'A', 0x28, 0x80, 0xe2, 0x82, 'z', 0xf0, 0x9f, 0x01, 0xed, 0xa0, 0x80, 0x7f}
	canaries = append(canaries, canary{"data key", binary, string(binary)})
	for _, c := range canaries {
		reversed := []byte(c.text)
		slices.Reverse(reversed)
		for name, planted := range map[string]string{
			"plain": c.text, "quoted": fmt.Sprintf("%q", c.text), "upper case": strings.ToUpper(c.text), "reversed": string(reversed),
			"hex": hex.EncodeToString([]byte(c.text)), "upper hex": fmt.Sprintf("%X", c.text), "hex dump": fmt.Sprintf("% x", c.text),
			"bytes": fmt.Sprintf("%d", []byte(c.text)), "base64": base64.StdEncoding.EncodeToString([]byte(c.text)),
			"base64 url": base64.URLEncoding.EncodeToString([]byte("a" + c.text)), "base64 raw": base64.RawStdEncoding.EncodeToString([]byte("ab" + c.text)),
		} {
			if c.name == "data key" && (name == "quoted" || name == "upper case") {
				continue // neither keeps bytes that are no text
			}
			out := []byte("some " + planted + " text")
			if hits := find([]canary{c}, out); len(hits) == 0 {
				t.Errorf("%s, %s: not found in %q", c.name, name, out)
			}
			others := slices.DeleteFunc(slices.Clone(canaries), func(other canary) bool { return other.name == c.name })
			if hits := find(others, out); len(hits) > 0 {
				t.Errorf("%s, %s: taken for %q", c.name, name, hits)
			}
		}
	}
}
