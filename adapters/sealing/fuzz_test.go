package sealing_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-engage/engage"
)

// FuzzOpen opens whatever comes, in any place: only what was sealed there opens.
func FuzzOpen(f *testing.F) {
	b := setup(f)
	sealed := b.seal(f, "secret")
	f.Add(place, sealed)
	f.Add(place, sealed[:len(sealed)-1])
	f.Add(place+"0", sealed)
	f.Add("", []byte{})
	f.Add(place, []byte{1})
	f.Add(place, bytes.Repeat([]byte{1}, 57))
	f.Fuzz(func(t *testing.T, context string, value []byte) {
		plain, err := b.Open(t.Context(), b.ws, context, value)
		switch {
		case err == nil && context == place && bytes.Equal(value, sealed) && string(plain) == "secret":
		case errors.Is(err, engage.ErrInvalid) && plain == nil:
		default:
			t.Fatalf("opened %q as %q: %v", value, plain, err)
		}
	})
}

// FuzzSeal seals any value for any place, and opens it again.
func FuzzSeal(f *testing.F) {
	b := setup(f)
	f.Add(place, []byte("secret"))
	f.Add("c", []byte{})
	f.Fuzz(func(t *testing.T, context string, plain []byte) {
		sealed, err := b.Seal(t.Context(), b.ws, context, plain)
		if err != nil {
			code(t, err, engage.Invalid)
			return
		}
		opened, err := b.Open(t.Context(), b.ws, context, sealed)
		if err != nil || !bytes.Equal(opened, plain) {
			t.Fatalf("sealed %q, opened %q: %v", plain, opened, err)
		}
	})
}
