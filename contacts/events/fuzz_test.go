package events_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/go-engage/engage/contacts/events"
)

// Every message has an id: the UUID that it is, or one of version 8.
func FuzzIDOf(f *testing.F) {
	for _, seed := range []string{
		"", "m-1", "019c0000-0000-7000-8000-000000000001", "F47AC10B-58CC-4372-A567-0E02B2C3D479", "00000000-0000-0000-0000-000000000000",
		"ajs-next-1767225600000-abc", "17672256000001", "0767225600000", "9999999999999", "\xff1767225600000\x00", "ffffffff-ffff-ffff-ffff-ffffffffffff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		id := events.IDOf(message)
		if id.IsZero() || id != events.IDOf(message) {
			t.Fatalf("%q has the id %s", message, id)
		}
		if given, err := uuid.Parse(message); err == nil && len(message) == 36 && given != uuid.Nil {
			if uuid.UUID(id) != given {
				t.Fatalf("%q has the id %s", message, uuid.UUID(id))
			}
			return
		}
		if u := uuid.UUID(id); u.Version() != 8 || u.Variant() != uuid.RFC4122 {
			t.Fatalf("%q has an id of version %d", message, u.Version())
		}
	})
}
