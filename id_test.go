package engage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func TestAnID(t *testing.T) {
	t.Parallel()
	ids := engage.NewIDSource(engage.NewManualClock(start), nil)
	t.Run("is read back from its wire form, which names its kind", func(t *testing.T) {
		t.Parallel()
		id := engage.UserID(ids.NewID())
		if s := id.String(); len(s) != 30 || !strings.HasPrefix(s, "usr_") || strings.ToLower(s) != s {
			t.Errorf("wire form %q", s)
		}
		back, err := engage.ParseID[userKind](id.String())
		if err != nil || [16]byte(back) != [16]byte(id) {
			t.Errorf("%v, %v", back, err)
		}
		var fromJSON struct{ ID engage.UserID }
		doc, err := json.Marshal(map[string]engage.UserID{"ID": id})
		if err = errors.Join(err, json.Unmarshal(doc, &fromJSON)); err != nil || fromJSON.ID != id {
			t.Errorf("%s: %v", doc, err)
		}
	})
	t.Run("sorts on the wire as its bytes do, by the time it was made", func(t *testing.T) {
		t.Parallel()
		clock := engage.NewManualClock(start)
		ids := engage.NewIDSource(clock, nil)
		var made []engage.TeamID
		for range 1000 {
			made = append(made, engage.TeamID(ids.NewID()))
			clock.Advance(time.Duration(rand.IntN(3)) * time.Millisecond)
		}
		if !slices.IsSortedFunc(made, engage.TeamID.Compare) || !slices.IsSortedFunc(made, func(a, b engage.TeamID) int { return strings.Compare(a.String(), b.String()) }) {
			t.Error("the order of bytes, of texts and of time are not one")
		}
	})
	t.Run("is refused in any other spelling, of another kind, and as zero", func(t *testing.T) {
		t.Parallel()
		good := engage.UserID{15: 1}.String()
		for _, s := range []string{
			"", "usr", "usr_", good[4:], "tem_" + good[4:], "usr-" + good[4:], strings.ToUpper(good), good + " ", " " + good, good + "0", good[:29],
			good[:29] + "1", good[:29] + "l", good[:29] + "=", good[:29] + "\n", "usr_" + strings.Repeat("0", 26), "usr_" + strings.Repeat("z", 26),
			"usr_" + strings.Repeat("\xff", 26), "0196-" + good,
		} {
			id := engage.UserID{1}
			err := id.UnmarshalText([]byte(s))
			if !errors.Is(err, engage.ErrInvalid) || (id != engage.UserID{1}) {
				t.Errorf("%q: %v, %v", s, id, err)
			}
		}
	})
	t.Run("of nothing is the empty text and is not read", func(t *testing.T) {
		t.Parallel()
		var zero engage.UserID
		if zero.String() != "" || !zero.IsZero() {
			t.Error("the zero id has a text")
		}
	})
	t.Run("quotes no more than a little of what was sent", func(t *testing.T) {
		t.Parallel()
		var id engage.UserID
		if err := id.UnmarshalText(bytes.Repeat([]byte("x"), 1<<20)); len(err.Error()) > 200 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
	t.Run("knows its millisecond", func(t *testing.T) {
		t.Parallel()
		if got := engage.UserID(ids.NewID()).Time(); !got.Equal(start.Truncate(time.Millisecond)) {
			t.Errorf("made at %v", got)
		}
	})
}

// userKind is the kind of a host's own id type with a prefix that the suite has,
// too: the wire forms are the same, the Go types are not.
type userKind struct{}

func (userKind) IDPrefix() string { return "usr" }

func TestAnIDSource(t *testing.T) {
	t.Parallel()
	version7 := func(id [16]byte) bool { return id[6]>>4 == 7 && id[8]>>6 == 2 }
	for _, c := range []struct {
		when string
		move func(*engage.ManualClock, int)
	}{
		{"the clock stands still", func(*engage.ManualClock, int) {}},
		{"the clock jumps back", func(c *engage.ManualClock, i int) {
			if i%100 == 0 {
				c.Advance(-time.Minute)
			}
		}},
		{"the clock runs", func(c *engage.ManualClock, _ int) { c.Advance(300 * time.Microsecond) }},
	} {
		t.Run("answers UUIDv7s that grow when "+c.when, func(t *testing.T) {
			t.Parallel()
			clock := engage.NewManualClock(start)
			ids := engage.NewIDSource(clock, nil)
			var last [16]byte
			for i := range 20_000 {
				id := ids.NewID()
				if bytes.Compare(id[:], last[:]) <= 0 || !version7(id) {
					t.Fatalf("%x after %x", id, last)
				}
				last = id
				c.move(clock, i)
			}
		})
	}
	t.Run("answers each id once, to however many ask", func(t *testing.T) {
		t.Parallel()
		ids := engage.NewIDSource(engage.NewManualClock(start), nil)
		drawn := make([][][16]byte, 8)
		var all sync.WaitGroup
		for i := range drawn {
			all.Go(func() {
				for range 2000 {
					drawn[i] = append(drawn[i], ids.NewID())
				}
			})
		}
		all.Wait()
		seen := map[[16]byte]bool{}
		for _, mine := range drawn {
			for i, id := range mine {
				if seen[id] || i > 0 && bytes.Compare(mine[i-1][:], id[:]) >= 0 {
					t.Fatalf("%x came twice or late", id)
				}
				seen[id] = true
			}
		}
	})
	t.Run("repeats itself with the same clock and bytes", func(t *testing.T) {
		t.Parallel()
		draw := func() (out [][16]byte) {
			ids := engage.NewIDSource(engage.NewManualClock(start), rand.NewChaCha8([32]byte{7}))
			for range 5 {
				out = append(out, ids.NewID())
			}
			return out
		}
		if !slices.Equal(draw(), draw()) {
			t.Error("two sequences")
		}
	})
	t.Run("panics when there is no randomness", func(t *testing.T) {
		t.Parallel()
		defer func() {
			if recover() == nil {
				t.Error("an id without random bytes")
			}
		}()
		engage.NewIDSource(engage.SystemClock{}, strings.NewReader("")).NewID()
	})
}

func TestARef(t *testing.T) {
	t.Parallel()
	t.Run("is read back from its text", func(t *testing.T) {
		t.Parallel()
		for _, ref := range []engage.Ref{{}, {Type: "contact", ID: [16]byte{1}}, {Type: "deal", ID: [16]byte{15: 255}}} {
			text, err := ref.MarshalText()
			var back engage.Ref
			if err = errors.Join(err, back.UnmarshalText(text)); err != nil || back != ref {
				t.Errorf("%q: %v, %v", text, back, err)
			}
		}
	})
	t.Run("is refused when it is damaged", func(t *testing.T) {
		t.Parallel()
		for _, s := range []string{":", "contact", "contact:", ":" + strings.Repeat("0", 26), "contact:" + strings.Repeat("0", 25), "contact:" + strings.Repeat("u", 26)} {
			ref := engage.Ref{Type: "kept"}
			if err := ref.UnmarshalText([]byte(s)); !errors.Is(err, engage.ErrInvalid) || ref.Type != "kept" {
				t.Errorf("%q: %v, %v", s, ref, err)
			}
		}
	})
}

func TestAManualClock(t *testing.T) {
	t.Parallel()
	t.Run("stands still, moves both ways and keeps whole microseconds of UTC", func(t *testing.T) {
		t.Parallel()
		clock := engage.NewManualClock(start.Add(999).In(time.FixedZone("", 3600)))
		if got := clock.Now(); got != start || clock.Now() != got {
			t.Errorf("now %v", got)
		}
		clock.Advance(-time.Hour)
		if got := clock.Now(); got != start.Add(-time.Hour) {
			t.Errorf("now %v", got)
		}
		if !engage.Instant(time.Time{}).IsZero() {
			t.Error("no instant became one")
		}
		if now := (engage.SystemClock{}).Now(); now.Nanosecond()%1000 != 0 || now.Location() != time.UTC {
			t.Errorf("the system's clock answers %v", now)
		}
	})
}
