package kerneltest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
)

// scriptCases are random transactions, checked against a model: the events that
// consumers get are the changes that were committed, no more and no fewer.
func (s Suite) scriptCases() []testCase {
	return []testCase{
		{"of nested calls that commit, fail and panic does what its model does", s.oneWriter},
		{"of several writers gives a consumer every change once and in order", s.manyWriters},
	}
}

// block is a call of InTx in a script.
type block struct {
	steps   []step
	end     ending
	swallow bool // whoever called it goes on when it fails or panics
}

// step is a change with its event, a function after the commit, or a call.
type step struct {
	key, value string
	after      string
	inner      *block
}

type ending int

const (
	commits ending = iota
	fails
	panics
)

// newBlock draws a block; every value in it is new.
func newBlock(random *rand.Rand, depth int, name string) *block {
	b := &block{swallow: random.IntN(10) < 7}
	switch n := random.IntN(10); {
	case n >= 9:
		b.end = panics
	case n >= 7:
		b.end = fails
	}
	for i := range random.IntN(5) {
		path := fmt.Sprintf("%s.%d", name, i)
		switch n := random.IntN(10); {
		case n < 3 && depth < 3:
			b.steps = append(b.steps, step{inner: newBlock(random, depth+1, path)})
		case n < 4:
			b.steps = append(b.steps, step{after: path})
		default:
			b.steps = append(b.steps, step{key: string(rune('a' + random.IntN(5))), value: path})
		}
	}
	return b
}

// state is what a workspace holds according to the model.
type state struct {
	notes  map[string]string
	events []string
	after  []string
}

func (s state) clone() state {
	return state{maps.Clone(s.notes), append([]string(nil), s.events...), append([]string(nil), s.after...)}
}

// model answers the state after a block, and whether it commits.
func (b *block) model(before state) (state, bool) {
	now := before.clone()
	for _, step := range b.steps {
		switch {
		case step.inner != nil:
			next, ok := step.inner.model(now)
			if !ok && !step.inner.swallow {
				return before, false
			}
			now = next
		case step.after != "":
			now.after = append(now.after, step.after)
		default:
			now.notes[step.key] = step.value
			now.events = append(now.events, step.value)
		}
	}
	if b.end != commits {
		return before, false
	}
	return now, true
}

// script runs blocks against a kernel.
type script struct {
	t     *testing.T
	k     *fixture
	ws    engage.WorkspaceID
	after []string // the functions that ran
}

// run calls InTx with a block; a failure is errOops or a panic with it.
func (s *script) run(ctx context.Context, b *block) error {
	return s.k.Tx.InTx(ctx, s.ws, func(ctx context.Context) error {
		for _, step := range b.steps {
			if err := s.step(ctx, step); err != nil {
				return err
			}
		}
		switch b.end {
		case fails:
			return errOops
		case panics:
			panic(errOops)
		case commits:
		}
		return nil
	})
}

func (s *script) step(ctx context.Context, step step) error {
	switch {
	case step.inner != nil && step.inner.swallow:
		if err := s.survive(ctx, step.inner); err != nil && !errors.Is(err, errOops) {
			return err
		}
		return nil
	case step.inner != nil:
		return s.run(ctx, step.inner)
	case step.after != "":
		return s.k.Tx.AfterCommit(ctx, func() { s.after = append(s.after, step.after) })
	}
	return s.k.put(ctx, s.ws, step.key, step.value)
}

// survive is run with a panic of the script turned into its error.
func (s *script) survive(ctx context.Context, b *block) (err error) {
	defer func() {
		if value := recover(); value == any(errOops) {
			err = errOops
		} else if value != nil {
			panic(value)
		}
	}()
	return s.run(ctx, b)
}

// play runs a number of blocks and answers the state that the model ends in.
func (s *script) play(random *rand.Rand, transactions int, name string, check func(state)) state {
	s.t.Helper()
	now := state{notes: map[string]string{}}
	var events []string
	for i := range transactions {
		b := newBlock(random, 0, fmt.Sprintf("%s%d", name, i))
		before := state{notes: now.notes}
		next, ok := b.model(before)
		s.after = nil
		err := s.survive(s.t.Context(), b)
		if ok != (err == nil) || err != nil && !errors.Is(err, errOops) {
			s.t.Errorf("transaction %s%d: %v; the model commits: %t", name, i, err, ok)
			return now
		}
		if diff := cmp.Diff(next.after, s.after); diff != "" {
			s.t.Errorf("transaction %s%d: functions after the commit (-want +got):\n%s", name, i, diff)
			return now
		}
		events = append(events, next.events...)
		now = state{notes: next.notes}
		if check != nil {
			check(now)
		}
		if s.t.Failed() {
			break
		}
	}
	now.events = events
	return now
}

func (s Suite) oneWriter(t *testing.T, k *fixture) {
	t.Logf("seed %d, %d transactions", s.Seed, s.Transactions)
	random := rand.New(rand.NewPCG(s.Seed, 1))
	one := &script{t: t, k: k, ws: k.ws}
	end := one.play(random, s.Transactions, "", func(now state) { k.wantNotes(t, k.ws, now.notes) })
	k.wantNotes(t, k.ws, end.notes)
	k.wantEvents(t, k.ws, end.events...)
}

func (s Suite) manyWriters(t *testing.T, k *fixture) {
	t.Logf("seed %d, %d transactions", s.Seed, s.Transactions)
	workspaces := []engage.WorkspaceID{k.ws, k.twin, k.other, k.workspace()}
	ends := make([]state, len(workspaces))
	var wg sync.WaitGroup
	for i, ws := range workspaces {
		random := rand.New(rand.NewPCG(s.Seed, uint64(i)+2))
		wg.Go(func() {
			one := &script{t: t, k: k, ws: ws}
			ends[i] = one.play(random, s.Transactions/len(workspaces), string(rune('A'+i)), nil)
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	defer wg.Wait()

	m := &mirror{t: t, k: k, random: rand.New(rand.NewPCG(s.Seed, 0)), consumed: map[engage.WorkspaceID][]string{}}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			m.step()
		}
	}
	for left := s.Transactions + 10; m.step(); left-- {
		if left == 0 {
			t.Fatal("the consumer comes to no end")
		}
	}
	for i, ws := range workspaces {
		k.wantNotes(t, ws, ends[i].notes)
		k.wantNotes(t, m.of(ws), ends[i].notes)
		if diff := cmp.Diff(ends[i].events, m.consumed[ws]); diff != "" {
			t.Errorf("workspace %d: events (-committed +consumed):\n%s", i, diff)
		}
	}
}

// mirror is a consumer that makes the same changes in another workspace.
type mirror struct {
	t        *testing.T
	k        *fixture
	random   *rand.Rand
	consumed map[engage.WorkspaceID][]string
}

func (m *mirror) of(ws engage.WorkspaceID) engage.WorkspaceID {
	ws[len(ws)-1] ^= 0xff
	return ws
}

// step consumes what there is to claim, failing now and then, and reports
// whether there was anything.
func (m *mirror) step() bool {
	m.k.sequence(m.t)
	claims := m.k.claim(m.t, "mirror", "me", engage.LogPartitions)
	for _, claim := range claims {
		slices, err := m.k.Log.Read(m.t.Context(), shard, claim.Partition, claim.Position, 20)
		if err != nil || len(slices) == 0 {
			m.t.Fatalf("Read: %d slices, %v", len(slices), err)
		}
		fails := m.random.IntN(4) == 0
		err = m.k.Tx.InShard(m.t.Context(), shard, func(ctx context.Context) error {
			for _, slice := range slices {
				if err := m.apply(ctx, slice); err != nil {
					return err
				}
			}
			if err := m.k.Log.Advance(ctx, claim, slices[len(slices)-1].Position, m.k.Clock.Now(), minute); err != nil {
				return err
			}
			if fails {
				return errOops
			}
			return nil
		})
		switch {
		case err == nil && !fails:
			for _, slice := range slices {
				m.consumed[slice.Workspace] = append(m.consumed[slice.Workspace], values(m.t, slice.Events)...)
			}
		case !fails || !errors.Is(err, errOops):
			m.t.Fatalf("InShard: %v", err)
		}
	}
	if err := m.k.Log.Release(m.t.Context(), claims); err != nil {
		m.t.Fatalf("Release: %v", err)
	}
	return len(claims) > 0
}

func (m *mirror) apply(ctx context.Context, slice engage.Slice) error {
	for _, event := range slice.Events {
		change := payload(m.t, event)
		if err := m.k.Notes.Put(ctx, m.of(slice.Workspace), change.Key, change.Value); err != nil {
			return err
		}
	}
	return nil
}
