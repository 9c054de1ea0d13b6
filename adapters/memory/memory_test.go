package memory_test

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/conformance/kerneltest"
	"github.com/go-engage/engage/adapters/memory"
)

var (
	transactions = flag.Int("engage.transactions", 0, "transactions of the random script; 0: the suite's default")
	seed         = flag.Uint64("engage.seed", 0, "seed of the random script")
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	kerneltest.Suite{Transactions: *transactions, Seed: *seed}.Run(t, open)
}

func open(*testing.T) kerneltest.Kernel {
	clock := engage.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	store := memory.New(memory.Config{Clock: clock})
	return kerneltest.Kernel{
		Tx: store, Events: store, Log: store, Parked: store.Parked(), Leases: store.Leases(), Notes: newNotes(store), Clock: clock,
		Prune: func(ctx context.Context) error {
			for {
				if n, err := store.Prune(ctx); n == 0 || err != nil {
					return err
				}
			}
		},
	}
}

type note struct {
	workspace  engage.WorkspaceID
	key, value string
}

// notes is the suite's scratch table.
type notes struct{ rows *memory.Table[note] }

func newNotes(store *memory.Store) notes {
	return notes{memory.NewTable(store, "notes", memory.Index[note]{Name: "key", Less: func(a, b *note) bool {
		return cmp.Or(bytes.Compare(a.workspace[:], b.workspace[:]), cmp.Compare(a.key, b.key)) < 0
	}})}
}

func (n notes) Put(ctx context.Context, ws engage.WorkspaceID, key, value string) error {
	rows, err := n.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	rows.Set(&note{ws, key, value})
	return nil
}

func (n notes) Get(ctx context.Context, ws engage.WorkspaceID, key string) (string, error) {
	row, ok := n.rows.Read(ctx).Get("key", &note{workspace: ws, key: key})
	if !ok {
		return "", &engage.Error{Code: engage.NotFound, Op: "notes.Get", Entity: key}
	}
	return row.value, nil
}

func (n notes) All(ctx context.Context, ws engage.WorkspaceID) (map[string]string, error) {
	all := map[string]string{}
	for row := range n.rows.Read(ctx).Ascend("key", &note{workspace: ws}) {
		if row.workspace != ws {
			break
		}
		all[row.key] = row.value
	}
	return all, nil
}

type happened struct{}

func (happened) EventName() string        { return "memory.happened.v1" }
func (happened) EventSubject() engage.Ref { return engage.Ref{} }

func loggingStore(out io.Writer) (*engage.ManualClock, *memory.Store) {
	clock := engage.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return clock, memory.New(memory.Config{Clock: clock, Log: slog.New(slog.NewTextHandler(out, nil))})
}

func TestWorkersStopWithTheirContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory.New(memory.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		for _, worker := range store.Workers() {
			go func() {
				if err := worker.Run(ctx); err != nil {
					t.Errorf("%s: %v", worker.Name(), err)
				}
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
	})
}
