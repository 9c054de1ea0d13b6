package audit_test

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// trail is a bundle with a chain of entries, the first number first.
func trail(t *testing.T, n int) (*testBundle, []audit.Entry) {
	t.Helper()
	b := setup(t, audit.Config{})
	for range n {
		b.publish(t, user, "contacts.tag.changed.v1")
		b.clock.Advance(time.Second)
	}
	b.drain(t)
	all := b.entries(t)
	slices.Reverse(all)
	for i, e := range all {
		same(t, "number", e.Number, int64(i+1))
	}
	return b, all
}

// rewrite replaces the workspace's trail by entries as somebody with the database
// in his hands would.
func (b *testBundle) rewrite(t *testing.T, entries []audit.Entry, head audit.Head) {
	t.Helper()
	no(t, b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
		if _, err := b.rows.Erase(ctx, b.ws); err != nil {
			return err
		}
		for _, e := range entries {
			if err := b.rows.Append(ctx, b.ws, []audit.Entry{e}); err != nil {
				return err
			}
		}
		var links []audit.Link
		for _, e := range entries {
			if e.Number != 0 {
				links = append(links, audit.Link{ID: e.ID, Number: e.Number, Hash: e.Hash})
			}
		}
		head.Version = 0
		return b.rows.Chain(ctx, b.ws, links, head)
	}))
}

func TestAWholeTrailVerifies(t *testing.T) {
	t.Parallel()
	b, all := trail(t, 250)
	report := b.verify(t)
	same(t, "entries", report.Entries, int64(250))
	same(t, "head", report.Head.Hash, all[249].Hash)
	same(t, "fault", report.Fault, (*audit.Fault)(nil))
	var hash audit.Hash
	for i, e := range all { // as somebody with an export does
		hash = hash.Next(int64(i+1), e.Digest(b.ws))
	}
	same(t, "recomputed", hash, report.Head.Hash)
	empty, err := b.Verify(t.Context(), engage.WorkspaceID(b.ids.NewID()))
	no(t, err)
	same(t, "an empty trail", empty, audit.Report{})
}

func TestEveryChangedColumnIsDetected(t *testing.T) {
	t.Parallel()
	_, sample := trail(t, 1)
	for field := range reflect.TypeFor[audit.Entry]().NumField() {
		name := reflect.TypeFor[audit.Entry]().Field(field).Name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for row := range 5 {
				b, all := trail(t, 5)
				head := b.verify(t).Head
				all[row] = tampered(t, name, all[row])
				b.rewrite(t, all, head)
				report := b.verify(t)
				if report.Fault == nil || report.Fault.Number > int64(row+1) || report.Fault.Number < int64(row+1) && name != "Number" {
					t.Errorf("row %d: %+v", row+1, report.Fault)
				}
			}
		})
	}
	same(t, "the sample", sample[0].Number, int64(1))
}

// tampered changes one field of an entry.
func tampered(t *testing.T, field string, e audit.Entry) audit.Entry {
	t.Helper()
	switch field {
	case "ID":
		e.ID[15]++
	case "At":
		e.At = e.At.Add(time.Microsecond)
	case "Actor":
		e.Actor = engage.Actor{Type: "use", ID: "rusr_1"} // the same letters
	case "Name":
		e.Name += "1"
	case "Subject":
		e.Subject = engage.Ref{Type: "tag"}
	case "Trace":
		e.Trace = "00"
	case "Data":
		e.Data = `{"a":2}`
	case "Salt":
		e.Salt[0]++
	case "Number":
		e.Number = -e.Number
	case "Hash":
		e.Hash[31]++
	default:
		t.Fatalf("the test does not change %s", field)
	}
	return e
}

func TestBreachesAreToldApart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(all []audit.Entry, head *audit.Head) []audit.Entry
		want audit.Breach
		at   int64
	}{
		{"the first is removed", func(all []audit.Entry, _ *audit.Head) []audit.Entry { return all[1:] }, audit.Removed, 1},
		{"one in the middle is removed", func(all []audit.Entry, _ *audit.Head) []audit.Entry { return slices.Delete(all, 2, 3) }, audit.Removed, 3},
		{"the last is removed", func(all []audit.Entry, _ *audit.Head) []audit.Entry { return all[:4] }, audit.Removed, 5},
		{"all are removed", func([]audit.Entry, *audit.Head) []audit.Entry { return nil }, audit.Removed, 1},
		{"one loses its place", func(all []audit.Entry, _ *audit.Head) []audit.Entry {
			all[1].Number, all[1].Hash = 0, audit.Hash{}
			return all
		}, audit.Removed, 2},
		{"two change places", func(all []audit.Entry, _ *audit.Head) []audit.Entry {
			all[1].Number, all[3].Number = all[3].Number, all[1].Number
			return all
		}, audit.Changed, 2},
		{"two change places, with their hashes", func(all []audit.Entry, _ *audit.Head) []audit.Entry {
			all[1].Number, all[3].Number, all[1].Hash, all[3].Hash = all[3].Number, all[1].Number, all[3].Hash, all[1].Hash
			return all
		}, audit.Changed, 2},
		{"one is put in under a taken number", func(all []audit.Entry, _ *audit.Head) []audit.Entry {
			twin := all[2]
			twin.ID[15]++ // comes behind
			return append(all, twin)
		}, audit.Inserted, 3},
		{"one is put in before the first", func(all []audit.Entry, _ *audit.Head) []audit.Entry {
			first := all[0]
			first.ID[0], first.Number = 0, -1
			return append(all, first)
		}, audit.Inserted, -1},
		{"one is put in behind the head", func(all []audit.Entry, head *audit.Head) []audit.Entry {
			more := all[4]
			more.ID[15]++
			more.Number++
			more.Hash = all[4].Hash.Next(6, more.Digest(engage.WorkspaceID{}))
			return append(all, more)
		}, audit.Inserted, 6},
		{"the head is set back", func(all []audit.Entry, head *audit.Head) []audit.Entry {
			head.Number, head.Hash = 3, all[2].Hash
			return all
		}, audit.Inserted, 4},
		{"the head has another hash", func(all []audit.Entry, head *audit.Head) []audit.Entry {
			head.Hash[0]++
			return all
		}, audit.Forked, 5},
		{"the head is set on", func(all []audit.Entry, head *audit.Head) []audit.Entry {
			head.Number = 9
			return all
		}, audit.Removed, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, all := trail(t, 5)
			head := b.verify(t).Head
			all = c.do(all, &head)
			b.rewrite(t, all, head)
			report := b.verify(t)
			if report.Fault == nil || report.Fault.Breach != c.want || report.Fault.Number != c.at {
				t.Errorf("fault %+v, want %s at %d", report.Fault, c.want, c.at)
			}
		})
	}
}

func TestAWitnessSeesWhatTheDatabaseHides(t *testing.T) {
	t.Parallel()
	b, all := trail(t, 5)
	early := audit.Head{Number: 3, Hash: all[2].Hash}
	late := b.verify(t).Head
	same(t, "a true trail", b.verify(t, early, late, audit.Head{}).Fault, (*audit.Fault)(nil))

	b.rewrite(t, all[:4], audit.Head{Number: 4, Hash: all[3].Hash}) // cut off, head and all
	same(t, "without a witness", b.verify(t).Fault, (*audit.Fault)(nil))
	same(t, "an early witness", b.verify(t, early).Fault, (*audit.Fault)(nil))
	same(t, "a late witness", *b.verify(t, early, late).Fault, audit.Fault{Breach: audit.Removed, Number: 5})

	var hash audit.Hash // another story, chained anew
	for i := range all {
		all[i].Data = `{"a":"lie"}`
		hash = hash.Next(all[i].Number, all[i].Digest(b.ws))
		all[i].Hash = hash
	}
	b.rewrite(t, all, audit.Head{Number: 5, Hash: hash})
	same(t, "without a witness", b.verify(t).Fault, (*audit.Fault)(nil))
	same(t, "an early witness", *b.verify(t, early).Fault, audit.Fault{Breach: audit.Forked, Number: 3, ID: all[2].ID})
	same(t, "a late witness", *b.verify(t, late).Fault, audit.Fault{Breach: audit.Forked, Number: 5})
}

func TestAnEntryThatWasAlteredBeforeItIsChainedIsDetected(t *testing.T) {
	t.Parallel()
	b := setup(t, audit.Config{})
	b.publish(t, user, "one")
	b.clock.Advance(time.Second)
	b.publish(t, user, "two")
	all := b.entries(t)
	slices.Reverse(all)
	all[1].Actor.ID = "usr_2"
	no(t, b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
		if _, err := b.rows.Erase(ctx, b.ws); err != nil {
			return err
		}
		return b.rows.Append(ctx, b.ws, all)
	}))
	b.drain(t)
	same(t, "fault", *b.verify(t).Fault, audit.Fault{Breach: audit.Changed, Number: 2, ID: all[1].ID})
}

func TestAnEntryThatNoTransactionRecordedWaitsForEver(t *testing.T) {
	t.Parallel()
	b, _ := trail(t, 3)
	forged := audit.Entry{ID: audit.EntryID(b.ids.NewID()), At: start, Name: "forged"}
	no(t, b.store.InTx(t.Context(), b.ws, func(ctx context.Context) error {
		return b.rows.Append(ctx, b.ws, []audit.Entry{forged})
	}))
	b.drain(t)
	report := b.verify(t)
	same(t, "waiting", report.Waiting, 1)
	same(t, "since", report.Oldest, start)
}

func TestManyWritersMakeOneChain(t *testing.T) {
	t.Parallel()
	b := setup(t, audit.Config{})
	ctx, stop := context.WithCancel(t.Context())
	var sealers, writers sync.WaitGroup
	for range 2 { // two owners of the consumer, at once
		bus, err := watermillbus.NewConsumers(watermillbus.Config{Tx: b.store, Log: b.store, Clock: b.clock}, b.Consumer())
		no(t, err)
		for _, w := range bus.Workers() {
			sealers.Go(func() { _ = w.Run(ctx) })
		}
	}
	const many, each = 8, 25
	for range many {
		writers.Go(func() {
			for range each {
				err := b.store.InTx(engage.WithActor(ctx, user), b.ws, func(ctx context.Context) error {
					// Not the tap, which is no writer's alone.
					r, err := audit.NewRecorder(audit.RecorderDeps{Events: b.store, Entries: b.rows, IDs: b.ids}, audit.Config{})
					if err != nil {
						return err
					}
					return r.Publish(ctx, b.ws, did{name: "x", payload: "{}"}, did{name: "y", payload: "{}"})
				})
				if err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	writers.Wait()
	stop()
	sealers.Wait()
	b.drain(t)
	report := b.verify(t)
	if report.Entries != 2*many*each || report.Fault != nil || report.Waiting != 0 {
		t.Errorf("report %+v, fault %+v", report, report.Fault)
	}
}

func TestAnotherWorkspacesTrailIsItsOwn(t *testing.T) {
	t.Parallel()
	b, _ := trail(t, 3)
	other := engage.WorkspaceID(b.ids.NewID())
	report, err := b.Verify(t.Context(), other)
	no(t, err)
	same(t, "another's report", report, audit.Report{})
	no(t, b.Erase(t.Context(), other))
	same(t, "entries", b.verify(t).Entries, int64(3))
	no(t, b.Erase(t.Context(), b.ws))
	same(t, "after its own erasure", b.verify(t), audit.Report{})
	b.publish(t, user, "x")
	b.drain(t)
	same(t, "and a new trail", b.verify(t).Entries, int64(1))
	for _, ws := range []engage.WorkspaceID{{}} {
		_, err := b.Verify(t.Context(), ws)
		code(t, err, engage.Invalid)
		_, err = b.Entries(t.Context(), ws, audit.Query{})
		code(t, err, engage.Invalid)
	}
}

func TestHashesHaveOneSpelling(t *testing.T) {
	t.Parallel()
	want := audit.Hash{1, 0xfe}
	text, err := want.MarshalText()
	no(t, err)
	var got audit.Hash
	no(t, got.UnmarshalText(text))
	same(t, "hash", got, want)
	for _, bad := range []string{"", "01", string(text) + "00", string(text[:63]) + "g", string(text[:63])} {
		code(t, got.UnmarshalText([]byte(bad)), engage.Invalid)
	}
	same(t, "after refusals", got, want)
}
