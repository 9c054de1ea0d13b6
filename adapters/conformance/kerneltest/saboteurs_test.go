package kerneltest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/conformance/kerneltest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/internal/saboteur"
)

// TestSaboteurs breaks one rule of a good kernel at a time; the suite must say
// which.
func TestSaboteurs(t *testing.T) {
	t.Parallel()
	var rereads byte
	for _, c := range []struct {
		name     string
		sabotage func(k *kerneltest.Kernel)
		fails    string
	}{
		{
			"writes without a transaction", func(k *kerneltest.Kernel) { k.Notes = autocommit{k.Notes, k.Tx} },
			"a write/without a transaction is refused",
		},
		{
			"writes with the ctx of a finished transaction", func(k *kerneltest.Kernel) { k.Notes = autocommit{k.Notes, k.Tx} },
			"a write/with the ctx of a committed transaction is refused",
		},
		{
			"ignores the pinned workspace", func(k *kerneltest.Kernel) { k.Tx = unpinned{k.Tx} },
			"a write/for another workspace is refused",
		},
		{
			"takes the zero workspace", func(k *kerneltest.Kernel) { k.Notes = zeroIsOne{k.Notes} },
			"a write/for the zero workspace is refused",
		},
		{
			"ignores the workspace", func(k *kerneltest.Kernel) {
				store, _ := k.Tx.(*memory.Store)
				k.Notes = notes{memory.NewTable(store, "shared", memory.Index[note]{Name: "key", Less: func(a, b *note) bool { return a.key < b.key }})}
			},
			"a write/with an equal key in two workspaces makes two notes",
		},
		{
			"keeps rows and events after a rollback", func(k *kerneltest.Kernel) { k.Tx = neverRollsBack{k.Tx} },
			"a transaction/rolls back when fn answers an error, and answers it",
		},
		{
			"publishes the events of what rolls back", func(k *kerneltest.Kernel) {
				k.Tx = &publishesAnyway{Transactor: k.Tx, events: k.Events}
				k.Events, _ = k.Tx.(engage.Publisher)
			},
			"a transaction/rolls back when fn answers an error, and answers it",
		},
		{
			"shows rows before the commit", func(k *kerneltest.Kernel) {
				k.Notes = &dirty{Notes: k.Notes, uncommitted: map[engage.WorkspaceID]map[string]string{}}
			},
			"a transaction/is not seen from outside before it commits",
		},
		{
			"commits although the ctx has ended", func(k *kerneltest.Kernel) { k.Tx = uncancelled{k.Tx} },
			"a transaction/rolls back when its ctx ends before the commit",
		},
		{
			"opens no savepoint", func(k *kerneltest.Kernel) { k.Tx = flat{k.Tx} },
			"a nested call/that fails has had no effect when its error is swallowed",
		},
		{
			"opens no savepoint, so a recovered panic leaves its writes", func(k *kerneltest.Kernel) { k.Tx = flat{k.Tx} },
			"a nested call/that panics has had no effect when it is recovered",
		},
		{
			"opens no savepoint, so the script's model differs", func(k *kerneltest.Kernel) { k.Tx = flat{k.Tx} },
			"a random script/of nested calls that commit, fail and panic does what its model does",
		},
		{
			"spoils the transaction with a read that failed", spoils,
			"a nested call/that fails in a read has had no effect and the outer goes on",
		},
		{
			"publishes despite a rollback", publishAtOnce,
			"a nested call/that fails takes its events with it",
		},
		{
			"begins a shard's transaction inside a workspace's", func(k *kerneltest.Kernel) { k.Tx = shardAnywhere{k.Tx} },
			"a transaction of a shard/is refused in a transaction of a workspace",
		},
		{
			"runs functions after a rollback", func(k *kerneltest.Kernel) { k.Tx = &afterAnyway{Transactor: k.Tx} },
			"a function after the commit/never runs when the transaction rolls back",
		},
		{
			"runs functions before the commit", func(k *kerneltest.Kernel) { k.Tx = afterAtOnce{k.Tx} },
			"a function after the commit/of a nested call waits for the outermost commit",
		},
		{
			"publishes what is good of a bad call", func(k *kerneltest.Kernel) { k.Events = oneByOne{k.Events} },
			"an event/that does not encode is refused with all of its call",
		},
		{
			"turns the events of a slice around", reads(func(s []engage.Slice) []engage.Slice {
				for _, slice := range s {
					for i, j := 0, len(slice.Events)-1; i < j; i, j = i+1, j-1 {
						slice.Events[i], slice.Events[j] = slice.Events[j], slice.Events[i]
					}
				}
				return s
			}),
			"an event/keeps the order of the calls",
		},
		{
			"cuts slices anew", reads(func(s []engage.Slice) []engage.Slice {
				for i := range s {
					rereads++
					s[i].ID[15] = rereads
				}
				return s
			}),
			"a slice/is answered alike at every read",
		},
		{
			"loses a slice", reads(func(s []engage.Slice) []engage.Slice {
				if len(s) > 2 && s[1].Position == 2 {
					return append(s[:1], s[2:]...)
				}
				return s
			}),
			"the log/numbers a partition's slices from 1 without gaps",
		},
		{
			"shows a late commit behind its successor", func(k *kerneltest.Kernel) { k.Log = &late{EventLog: k.Log, shown: map[engage.SliceID]bool{}} },
			"the log/shows nothing behind a position that a reader has passed",
		},
		{
			"gives a partition to two owners", func(k *kerneltest.Kernel) { k.Log = &generous{EventLog: k.Log} },
			"a claim/keeps the partition from everybody else",
		},
		{
			"ignores the token of a claim", func(k *kerneltest.Kernel) { k.Log = &unfenced{EventLog: k.Log, last: map[engage.Partition]int64{}} },
			"a cursor/is not moved by a former owner, whose effects roll back",
		},
		{
			"keeps a claim that ended with Advance", func(k *kerneltest.Kernel) { k.Log = aSecondMore{k.Log} },
			"a claim/is free at once when Advance gives it a lease of 0",
		},
		{
			"moves the cursor without the effects", func(k *kerneltest.Kernel) {
				apart := &cursorApart{EventLog: k.Log, Transactor: k.Tx}
				k.Log, k.Tx = apartLog{apart}, apart
			},
			"a cursor/moves with the effects, or not at all",
		},
		{
			"lets a new consumer start at the end", func(k *kerneltest.Kernel) { k.Log = fromTheEnd{k.Log} },
			"a cursor/starts at the oldest slice",
		},
		{
			"knows no backlog", func(k *kerneltest.Kernel) { k.Log = noBacklog{k.Log} },
			"a cursor/says how far it is behind",
		},
		{
			"unparks by a lost claim", func(k *kerneltest.Kernel) { k.Log = &unparksAnyway{EventLog: k.Log, last: map[engage.EventID]int64{}} },
			"a parked event/is claimed again when its lease has ended",
		},
		{
			"parks an event once only", func(k *kerneltest.Kernel) { k.Log = &parksOnce{EventLog: k.Log, parked: map[engage.EventID]bool{}} },
			"a parked event/that is parked again has new attempts, time and cause",
		},
		{
			"parks nothing that was unparked", func(k *kerneltest.Kernel) { k.Log = &unparkedForEver{EventLog: k.Log, gone: map[engage.EventID]bool{}} },
			"a parked event/may be unparked and parked again in one transaction",
		},
		{
			"gives a lease to a second owner", func(k *kerneltest.Kernel) { k.Leases = &takeover{Leases: k.Leases} },
			"a lease/is one owner's until it ends",
		},
		{
			"does not check a lease", func(k *kerneltest.Kernel) { k.Leases = unchecked{k.Leases} },
			"a lease/rolls back what a late owner writes",
		},
		{
			"prunes too early", func(k *kerneltest.Kernel) {
				prune, clock := k.Prune, k.Clock
				k.Prune = func(ctx context.Context) error {
					clock.Advance(8 * 24 * time.Hour)
					defer clock.Advance(-8 * 24 * time.Hour)
					return prune(ctx)
				}
			},
			"pruning/keeps what is younger than 3 days",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			saboteur.Fails(t, c.fails, func(t *testing.T) {
				kerneltest.Suite{Transactions: 100}.Run(t, func(t *testing.T) kerneltest.Kernel {
					k := openMemory(t)
					c.sabotage(&k)
					return k
				})
			})
		})
	}
}

// TestSuite shows that it is the sabotage that fails in TestSaboteurs.
func TestSuite(t *testing.T) {
	t.Parallel()
	kerneltest.Suite{Transactions: 100}.Run(t, openMemory)
}

type autocommit struct {
	kerneltest.Notes
	tx engage.Transactor
}

func (a autocommit) Put(ctx context.Context, ws engage.WorkspaceID, key, value string) error {
	err := a.Notes.Put(ctx, ws, key, value)
	if !errors.Is(err, engage.ErrFailedPrecondition) {
		return err
	}
	return a.tx.InTx(context.Background(), ws, func(ctx context.Context) error { //nolint:contextcheck // that is the sabotage
		return a.Notes.Put(ctx, ws, key, value)
	})
}

type unpinned struct{ engage.Transactor }

func (u unpinned) InTx(ctx context.Context, _ engage.WorkspaceID, fn func(context.Context) error) error {
	return u.InShard(ctx, engage.DefaultShard, fn)
}

type zeroIsOne struct{ kerneltest.Notes }

func (z zeroIsOne) Put(ctx context.Context, ws engage.WorkspaceID, key, value string) error {
	if ws.IsZero() {
		ws = engage.WorkspaceID{1}
	}
	return z.Notes.Put(ctx, ws, key, value)
}

type neverRollsBack struct{ engage.Transactor }

func (n neverRollsBack) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	var failed error
	err := n.Transactor.InTx(ctx, ws, func(ctx context.Context) error {
		failed = fn(ctx)
		return nil
	})
	return errors.Join(err, failed)
}

type dirty struct {
	kerneltest.Notes
	uncommitted map[engage.WorkspaceID]map[string]string
}

func (d *dirty) Put(ctx context.Context, ws engage.WorkspaceID, key, value string) error {
	err := d.Notes.Put(ctx, ws, key, value)
	if err == nil {
		if d.uncommitted[ws] == nil {
			d.uncommitted[ws] = map[string]string{}
		}
		d.uncommitted[ws][key] = value
	}
	return err
}

func (d *dirty) All(_ context.Context, ws engage.WorkspaceID) (map[string]string, error) {
	return d.uncommitted[ws], nil
}

type uncancelled struct{ engage.Transactor }

func (u uncancelled) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	return u.Transactor.InTx(context.WithoutCancel(ctx), ws, fn)
}

// flat runs nested calls without a savepoint.
type flat struct{ engage.Transactor }

type inside struct{}

func (f flat) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	if ctx.Value(inside{}) != nil {
		return fn(ctx)
	}
	return f.Transactor.InTx(ctx, ws, func(ctx context.Context) error {
		return fn(context.WithValue(ctx, inside{}, true))
	})
}

// spoils refuses every write after a read that failed, in a nested call or not.
func spoils(k *kerneltest.Kernel) {
	s := &spoiled{Notes: k.Notes, broken: k.BrokenRead}
	k.Notes, k.BrokenRead = s, s.read
}

type spoiled struct {
	kerneltest.Notes
	broken func(context.Context, engage.WorkspaceID) error
	by     error
}

func (s *spoiled) read(ctx context.Context, ws engage.WorkspaceID) error {
	s.by = s.broken(ctx, ws)
	return s.by
}

func (s *spoiled) Put(ctx context.Context, ws engage.WorkspaceID, key, value string) error {
	if s.by != nil {
		return s.by
	}
	return s.Notes.Put(ctx, ws, key, value)
}

// publishAtOnce publishes in the outermost transaction, whatever becomes of the
// nested call.
func publishAtOnce(k *kerneltest.Kernel) {
	outermost := outermost{k.Tx}
	k.Events, k.Tx = publishOutermost{k.Events}, outermost
}

type outermost struct{ engage.Transactor }

func (o outermost) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	kept, nested := ctx.Value(inside{}).(*[]func(context.Context) error)
	if nested {
		return o.Transactor.InTx(ctx, ws, fn)
	}
	kept = &[]func(context.Context) error{}
	return o.Transactor.InTx(ctx, ws, func(ctx context.Context) error {
		if err := fn(context.WithValue(ctx, inside{}, kept)); err != nil {
			return err
		}
		for _, publish := range *kept {
			if err := publish(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

type publishOutermost struct{ engage.Publisher }

func (p publishOutermost) Publish(ctx context.Context, ws engage.WorkspaceID, events ...engage.Event) error {
	kept, nested := ctx.Value(inside{}).(*[]func(context.Context) error)
	if !nested {
		return p.Publisher.Publish(ctx, ws, events...)
	}
	*kept = append(*kept, func(ctx context.Context) error { return p.Publisher.Publish(ctx, ws, events...) })
	return nil
}

// publishesAnyway publishes the events of a failed transaction in another one.
type publishesAnyway struct {
	engage.Transactor
	events engage.Publisher
	made   []engage.Event
}

func (p *publishesAnyway) Publish(ctx context.Context, ws engage.WorkspaceID, events ...engage.Event) error {
	err := p.events.Publish(ctx, ws, events...)
	if err == nil {
		p.made = append(p.made, events...)
	}
	return err
}

func (p *publishesAnyway) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	if ctx.Value(inside{}) != nil {
		return p.Transactor.InTx(ctx, ws, fn)
	}
	p.made = nil
	err := p.Transactor.InTx(ctx, ws, func(ctx context.Context) error {
		return fn(context.WithValue(ctx, inside{}, true))
	})
	if err != nil {
		_ = p.Transactor.InTx(ctx, ws, func(ctx context.Context) error { return p.events.Publish(ctx, ws, p.made...) })
	}
	return err
}

type shardAnywhere struct{ engage.Transactor }

func (s shardAnywhere) InShard(ctx context.Context, shard engage.Shard, fn func(context.Context) error) error {
	err := s.Transactor.InShard(ctx, shard, fn)
	if errors.Is(err, engage.ErrFailedPrecondition) {
		return fn(ctx)
	}
	return err
}

type afterAnyway struct {
	engage.Transactor
	after []func()
}

func (a *afterAnyway) AfterCommit(ctx context.Context, fn func()) error {
	err := a.Transactor.AfterCommit(ctx, func() {})
	if err == nil {
		a.after = append(a.after, fn)
	}
	return err
}

func (a *afterAnyway) InTx(ctx context.Context, ws engage.WorkspaceID, fn func(context.Context) error) error {
	if ctx.Value(inside{}) != nil {
		return a.Transactor.InTx(ctx, ws, fn)
	}
	a.after = nil
	defer func() {
		for _, after := range a.after {
			after()
		}
	}()
	return a.Transactor.InTx(ctx, ws, func(ctx context.Context) error {
		return fn(context.WithValue(ctx, inside{}, true))
	})
}

type afterAtOnce struct{ engage.Transactor }

func (a afterAtOnce) AfterCommit(ctx context.Context, fn func()) error {
	err := a.Transactor.AfterCommit(ctx, func() {})
	if err == nil {
		fn()
	}
	return err
}

type oneByOne struct{ engage.Publisher }

func (o oneByOne) Publish(ctx context.Context, ws engage.WorkspaceID, events ...engage.Event) error {
	if len(events) == 0 {
		return o.Publisher.Publish(ctx, ws)
	}
	for _, event := range events {
		if err := o.Publisher.Publish(ctx, ws, event); err != nil {
			return err
		}
	}
	return nil
}
