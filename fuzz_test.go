package engage_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-engage/engage"
)

func FuzzParseID(f *testing.F) {
	for _, seed := range []string{"", "usr_", engage.UserID{15: 1}.String(), "usr_zzzzzzzzzzzzzzzzzzzzzzzzzz", "tem_04000000000000000000000000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := engage.ParseID[userKind](s)
		switch {
		case err != nil && !errors.Is(err, engage.ErrInvalid):
			t.Fatal(err)
		case err == nil && (id.String() != s || id.IsZero()):
			t.Fatalf("%q is read as %q", s, id)
		}
	})
}

func FuzzRef(f *testing.F) {
	for _, seed := range []string{"", "contact:04000000000000000000000000", ":04000000000000000000000000", "a:b:04000000000000000000000000", "contact:0400000000000000000000000z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var ref engage.Ref
		if err := ref.UnmarshalText([]byte(s)); err != nil {
			if !errors.Is(err, engage.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if ref.String() != s {
			t.Fatalf("%q is read as %q", s, ref)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("contacts|a", []byte("key"), "!")
	f.Add("", []byte{}, "")
	f.Add("q", []byte{0, 255}, string(engage.SealCursor("q", []byte("k"))))
	f.Fuzz(func(t *testing.T, query string, key []byte, other string) {
		got, err := engage.SealCursor(query, key).Open(query)
		if err != nil || !bytes.Equal(got, key) {
			t.Fatalf("%q, %v", got, err)
		}
		key, err = engage.Cursor(other).Open(query)
		if err != nil && !errors.Is(err, engage.ErrInvalid) {
			t.Fatal(err)
		}
		if err == nil && other != "" && engage.SealCursor(query, key) != engage.Cursor(other) {
			t.Fatalf("%q opens to %q, which seals to another", other, key)
		}
	})
}

func FuzzDecodeSlice(f *testing.F) {
	good, err := engage.EncodeSlice([]engage.Envelope{envelope(f, signedUp{Plan: "pro"}, 1), envelope(f, signedUp{}, 2)})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{nil, {1}, {2}, good, good[:40], {1, 0}, {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, append([]byte{1, 4}, "null"...)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		envelopes, err := engage.DecodeSlice(data)
		if err != nil {
			if !errors.Is(err, engage.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		again, err := engage.EncodeSlice(envelopes)
		if err != nil {
			return // what JSON may hold and an envelope may not write, as a year of five digits
		}
		back, err := engage.DecodeSlice(again)
		if err != nil {
			t.Fatalf("%+v: %v", envelopes, err)
		}
		if twice, err := engage.EncodeSlice(back); err != nil || !bytes.Equal(twice, again) {
			t.Fatalf("%s is read back as %s, %v", again, twice, err)
		}
	})
}
