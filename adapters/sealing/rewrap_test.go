package sealing_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
)

var newKey = engage.NewSecret(strings.Repeat("n", sealing.KeyBytes))

// fill seals a value in each of some new workspaces.
func (b *testBundle) fill(t testing.TB, workspaces int) map[engage.WorkspaceID][]byte {
	t.Helper()
	values := map[engage.WorkspaceID][]byte{}
	for range workspaces {
		ws := engage.WorkspaceID(b.ids.NewID())
		sealed, err := b.Seal(t.Context(), ws, place, []byte("secret"))
		no(t, err)
		values[ws] = sealed
	}
	return values
}

// byHostKey is how many data keys the newest key of each process wraps.
func wrapped(t testing.TB, p *testBundle) int {
	t.Helper()
	counts, err := p.HostKeys(t.Context())
	no(t, err)
	id, err := p.provider.Newest(t.Context())
	no(t, err)
	return counts[id]
}

func TestDataKeysAreWrappedByTheNewestKeyOfTheHost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	values := b.fill(t, 250)
	same(t, "nothing to do", b.step(t), 0)
	deployed := b.process(t, newKey, hostKey)
	same(t, "wrapped anew before", wrapped(t, deployed), 0)
	for i, want := range []int{100, 100, 50, 0, 0} {
		if got := deployed.step(t); got != want {
			t.Fatalf("step %d wrapped %d, want %d", i, got, want)
		}
	}
	same(t, "wrapped anew", wrapped(t, deployed), 250)
	same(t, "wrapped by the old key", wrapped(t, b), 0)
	after := b.process(t, newKey) // which no longer has the old key
	for ws, sealed := range values {
		plain, err := after.Open(t.Context(), ws, place, sealed)
		if err != nil || string(plain) != "secret" {
			t.Fatalf("opened %q, %v", plain, err)
		}
	}
}

func TestAnInterruptedPassGoesOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(t, 150)
	first := b.process(t, newKey, hostKey)
	same(t, "the first process", first.step(t), 100)
	// It is killed with its lease, and the next one waits for that to end.
	next := b.process(t, newKey, hostKey)
	same(t, "the next process at once", next.step(t), 0)
	b.clock.Advance(61 * time.Second)
	same(t, "and later", next.step(t), 50)
	same(t, "wrapped anew", wrapped(t, next), 150)
	same(t, "the killed one, had it only slept", first.step(t), 0)
}

func TestAServiceThatIsDownIsAskedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(t, 10)
	deployed := b.process(t, newKey, hostKey)
	deployed.provider.down = true
	loop := deployed.Workers()[0].(*engage.Loop)
	code(t, second(loop.Step(t.Context())), engage.Unavailable)
	deployed.provider.down = false
	same(t, "when it is up again", deployed.step(t), 10)
	same(t, "wrapped anew", wrapped(t, deployed), 10)
}

func TestADataKeyThatDoesNotUnwrapHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.process(t, sealing.NewKey()).fill(t, 3) // wrapped by a key that is lost
	b.fill(t, 120)
	deployed := b.process(t, newKey, hostKey)
	for range 4 {
		deployed.step(t)
	}
	same(t, "wrapped anew", wrapped(t, deployed), 120)
	same(t, "lines about lost keys", strings.Count(deployed.log.String(), "does not unwrap"), 3)
	b.clock.Advance(time.Hour + time.Second)
	deployed.step(t)
	same(t, "lines after an hour", strings.Count(deployed.log.String(), "does not unwrap"), 6)
}

func TestAKeyThatWasErasedMeanwhileStaysErased(t *testing.T) {
	t.Parallel()
	b := setup(t)
	values := b.fill(t, 3)
	deployed := b.process(t, newKey, hostKey)
	erased := engage.WorkspaceID{}
	for erased = range values {
		break
	}
	deployed.provider.between = func() {
		deployed.provider.between = nil
		no(t, b.Erase(t.Context(), erased))
	}
	same(t, "step", deployed.step(t), 3)
	same(t, "wrapped anew", wrapped(t, deployed), 2)
	_, err := deployed.Open(t.Context(), erased, place, values[erased])
	code(t, err, engage.Invalid)
}

func TestALateOwnerWritesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(t, 5)
	late, prompt := b.process(t, newKey, hostKey), b.process(t, newKey, hostKey)
	late.provider.between = func() {
		late.provider.between = nil
		b.clock.Advance(2 * time.Minute) // longer than its lease
		same(t, "the other replica", prompt.step(t), 5)
	}
	_, err := late.Workers()[0].(*engage.Loop).Step(t.Context())
	code(t, err, engage.Conflict)
	same(t, "wrapped anew", wrapped(t, prompt), 5)
}

func TestAProviderWhoseNewestKeyChangesStartsAPass(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(t, 3)
	old, err := sealing.NewStaticKeys(hostKey)
	no(t, err)
	both, err := sealing.NewStaticKeys(newKey, hostKey)
	no(t, err)
	service := &switching{KeyProvider: old}
	running := b.processWith(t, service)
	same(t, "before", running.step(t), 0)
	service.KeyProvider = both
	same(t, "after", running.step(t), 3)
}

// switching is a key management service, whose newest key changes while the
// process runs.
type switching struct{ sealing.KeyProvider }

func TestAProviderThatAnswersNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, provider := range map[string]sealing.KeyProvider{
		"no id":         nonsense{id: "", wrapped: []byte("x")},
		"a long id":     nonsense{id: strings.Repeat("i", 256), wrapped: []byte("x")},
		"nothing":       nonsense{id: "i"},
		"a long answer": nonsense{id: "i", wrapped: make([]byte, sealing.MaxWrappedBytes+1)},
		"a short key":   nonsense{id: "i", wrapped: []byte("x")},
	} {
		ws := engage.WorkspaceID(b.ids.NewID())
		_, err := b.processWith(t, provider).Seal(t.Context(), ws, place, nil)
		if engage.CodeOf(err) != engage.Invalid {
			t.Errorf("%s: want ErrInvalid, got %v", name, err)
		}
	}
	counts, err := b.HostKeys(t.Context())
	no(t, err)
	if want := map[string]int{"i": 1}; !maps.Equal(counts, want) { // of the short key, which came last in its life
		t.Errorf("stored %v, want %v", counts, want)
	}
}

type nonsense struct {
	id      string
	wrapped []byte
}

func (n nonsense) Newest(context.Context) (string, error) { return n.id, nil }

func (n nonsense) Wrap(context.Context, string, []byte, []byte) ([]byte, error) {
	return n.wrapped, nil
}

func (n nonsense) Unwrap(context.Context, string, []byte, []byte) ([]byte, error) {
	return []byte("short"), nil
}
