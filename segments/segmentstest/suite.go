package segmentstest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

// Adapter is what a storage adapter gives to the suite: its ports, over one
// database.
type Adapter struct {
	Tx       engage.Transactor
	Segments segments.SegmentRepository
	Facts    segments.FactRepository
	Members  segments.MembershipRepository
	Due      segments.MembershipRepositoryAcross
}

// RunConformance runs the suite. open is called once; the cases keep apart by
// using workspaces of their own, and run in parallel.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	a := open(t)
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
	}{
		{"every port", everyPort},
		{"segments", segmentCases},
		{"facts", factCases},
		{"members", memberCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.cases(t, a)
		})
	}
	// Claims find what is due in all workspaces, those of other cases included.
	t.Run("timers", func(t *testing.T) { timerCases(t, a) })
}

var start = porttest.Start

// fixture is a case's two workspaces, with the ports.
type fixture struct {
	*porttest.Fixture
	Adapter
}

func newFixture(t *testing.T, a Adapter) *fixture {
	t.Helper()
	return &fixture{Fixture: porttest.New(t, a.Tx, cmp.Comparer(meanTheSame)), Adapter: a}
}

// meanTheSame compares filters by what they select.
func meanTheSame(a, b filter.Filter) bool {
	if a.Where == nil || b.Where == nil {
		return a.Where == nil && b.Where == nil
	}
	return a.Entity == b.Entity && a.Zone == b.Zone && a.Equal(b)
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(newFixture(t, a))
	})
}

func (f *fixture) contactID() contacts.ID { return contacts.ID(f.IDs.NewID()) }

func (f *fixture) segmentID() segments.ID { return segments.ID(f.IDs.NewID()) }

// segment is a new segment with every field set.
func (f *fixture) segment() segments.Segment {
	where := filter.New(filter.And(
		filter.Attr("plan", "a/b~", "é").IgnoreCase().In("trial 😀", "50%_\\", `"<&>`),
		filter.Attr("balance").AtLeast(filter.Decimal("12345678901234567890.000000000000000001")),
		filter.Event("signed_in").AtLeast(1).Within(7*24*time.Hour).Matching(filter.Prop("device").Is("phone")),
		filter.Negate(filter.Or(filter.Attr("born").Before(filter.Date{Year: 2000, Month: 2, Day: 29}), filter.Bucket("s", 0, 5000))),
	))
	return segments.Segment{
		ID: f.segmentID(), Name: "Trials 😀", Filter: where, Hash: where.Hash(), State: segments.Building, Revision: 3, Served: 2,
		BuiltTo: f.contactID(), Cause: "the tag was deleted", CreatedAt: start, UpdatedAt: start.Add(time.Microsecond),
		CreatedBy: engage.Actor{Type: "user", ID: "u-1 😀"}, UpdatedBy: engage.Actor{Type: "api_key", ID: "k"}, Version: 1,
	}
}

// hostile are event names that databases confuse: case, outer space, accents in
// two spellings, letters with special folds, 4-byte characters, wildcards,
// quotes, and the longest ones.
func hostile() []string {
	long := make([]byte, engage.MaxKeyBytes)
	for i := range long {
		long[i] = 'x'
	}
	return []string{
		"signed_in", "Signed_In", "SIGNED_IN", "signed_in ", " signed_in", "signed in", "signed-in", "ålice", "a\u030alice",
		"alıce", "alİce", "straße", "strasse", "😀", "😁", "𝕬", "%", "_", `\`, `'`, `"`, "?", "$1", "--", "null", "0", "00",
		"\u200b", string(long), string(long[1:]) + "y",
	}
}
