package contacts_test

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// An address in normal form is in normal form.
func FuzzNormaliseEmail(f *testing.F) {
	for _, seed := range []string{
		"Ana@Acme.test", "\u00a0ana@acme.test ", "a\u030asa@acme.test", "straße@acme.test", "ﬁ@acme.test", "İ@acme.test", "\u0390@acme.test", "\u0345@acme.test",
		`"a b"@acme.test`, "a@b@c", "Ana <ana@acme.test>", "a@[127.0.0.1]", "ﷺ@acme.test", "\u1e9e@acme.test", "a@b\u200b", "\xff@acme.test", "(x)a@b", "a@b (c)",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		once, err := contacts.NormaliseEmail(address)
		if err != nil {
			return
		}
		if twice, err := contacts.NormaliseEmail(once); err != nil || twice != once {
			t.Fatalf("%q is %q, then %q, %v", address, once, twice, err)
		}
		if len(once) > 254 || !utf8.ValidString(once) || !strings.Contains(once, "@") {
			t.Fatalf("%q is no address", once)
		}
	})
}

// A folded name is folded, and folds as its upper case does.
func FuzzFoldName(f *testing.F) {
	for _, seed := range []string{"VIP", " Big  Spender ", "ﬁ", "straße", "İ", "\u0390", "\u0345\u0301", "ﷺ", "\u00a0", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		once := contacts.FoldName(name)
		if twice := contacts.FoldName(once); twice != once {
			t.Fatalf("%q is %q, then %q", name, once, twice)
		}
	})
}

// What is taken for a phone number is one in E.164, and stays it.
func FuzzPhone(f *testing.F) {
	for _, seed := range []string{"+33 6 12 34 56 78", "+41 (79) 123-45-67", "0612345678", "+0612345678", "++33612345678", "+33\u200b612345678", "+1", "+٣٣٦"} {
		f.Add(seed)
	}
	service, ws := newService()
	normalise := func(number string) (string, error) {
		got, err := service.Identify(context.Background(), ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.Phone, Value: number}}})
		if err != nil {
			return "", err
		}
		return got[0].Contact.Identities[0].Value, nil
	}
	f.Fuzz(func(t *testing.T, number string) {
		once, err := normalise(number)
		if err != nil {
			if engage.CodeOf(err) != engage.Invalid {
				t.Fatal(err)
			}
			return
		}
		digits, ok := strings.CutPrefix(once, "+")
		if !ok || len(digits) < 7 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
			t.Fatalf("%q is no E.164", once)
		}
		if twice, err := normalise(once); err != nil || twice != once {
			t.Fatalf("%q is %q, then %q, %v", number, once, twice, err)
		}
	})
}
