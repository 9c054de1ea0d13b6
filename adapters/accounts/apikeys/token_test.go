package apikeys

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/go-engage/engage"
)

// scanner is what the package comment tells to look for.
var scanner = regexp.MustCompile(`\beng[sw]_[0-9a-hjkmnp-tv-z]{85}\b`)

func TestAKeysTextIsThatOfTheGrammar(t *testing.T) {
	t.Parallel()
	id, secret := ID{0x01, 0x9a, 15: 7}, [secretBytes]byte{31: 1}
	// Computed with Python: base32 by hand, zlib.crc32.
	const want = "engw_06d0000000000000000000000w" + "000000000000000000000000000000000000000000000000000g" + "c89yz9r"
	got := write(WriteKey, id, secret)
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if back, ok := read(got); !ok || back != id {
		t.Errorf("it is read as %s, %t", back, ok)
	}
	if key := (Key{ID: id, Kind: WriteKey}); key.Head() != got[:headLength] {
		t.Errorf("its head is %s", key.Head())
	}
}

func TestEachKeyIsAnother(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		text, digest := mint(SecretKey, ID{1})
		if token := text.Reveal(); seen[token] || !scanner.MatchString("key="+token+";") || digest != digestOf(token) {
			t.Fatalf("%s is seen before or no key", token)
		}
		seen[text.Reveal()] = true
	}
}

func TestMistypedKeysAreNone(t *testing.T) {
	t.Parallel()
	secret := mintFor(t)
	refused := func(token string) {
		t.Helper()
		if _, ok := read(token); ok && token != secret {
			t.Errorf("%q is read as a key", token)
		}
	}
	tried := 0
	for i := range secret {
		refused(secret[:i] + secret[i+1:])
		for _, c := range []byte("0123456789abcdefghijklmnopqrstuvwxyzABCXYZ_- \x00\xff") {
			refused(secret[:i] + string(c) + secret[i+1:])
			refused(secret[:i] + string(c) + secret[i:])
			tried += 2
		}
		if i > 0 {
			refused(secret[:i-1] + secret[i:i+1] + secret[i-1:i] + secret[i+1:])
		}
	}
	for _, token := range []string{
		"", "engw_", "engs_", " " + secret, secret + " ", secret + "\n", strings.ToUpper(secret), strings.Replace(secret, "engs_", "engw_", 1),
		strings.Repeat("0", tokenLength), "engs_" + strings.Repeat("0", tokenLength-5), strings.Repeat("engs_", 18), secret + secret,
	} {
		refused(token)
	}
	if tried < 4000 {
		t.Errorf("%d spellings", tried)
	}
}

func mintFor(t *testing.T) string {
	t.Helper()
	text, _ := mint(SecretKey, ID{0x01, 0x9a, 15: 7})
	return text.Reveal()
}

func FuzzRead(f *testing.F) {
	text, _ := mint(WriteKey, ID{1})
	f.Add(text.Reveal())
	f.Add("engs_")
	f.Fuzz(func(t *testing.T, token string) {
		id, ok := read(token)
		if !ok {
			if !id.IsZero() {
				t.Errorf("%q is no key and has the id %s", token, id)
			}
			return
		}
		if !scanner.MatchString(token) || id.IsZero() || !strings.Contains(token, strings.TrimPrefix(id.String(), "key_")) {
			t.Errorf("%q is read as %s", token, id)
		}
	})
}

func TestDigestsArePrintedAsStars(t *testing.T) {
	t.Parallel()
	_, digest := mint(SecretKey, ID{1})
	r := Record{Digest: digest, Former: digest}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(format, r); !strings.Contains(out, "***") || strings.Contains(out, fmt.Sprintf("%d", digest[:4])) {
			t.Errorf("%s prints %s", format, out)
		}
	}
}

var _ engage.KeyVerifier = (*Service)(nil)
