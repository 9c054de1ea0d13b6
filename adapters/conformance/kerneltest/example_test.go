package kerneltest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/conformance/kerneltest"
	"github.com/go-engage/engage/adapters/memory"
)

// An adapter's test opens a kernel on the clock it is given, and offers a
// scratch table of its own.
func ExampleRunConformance() {
	_ = func(t *testing.T) { kerneltest.RunConformance(t, openMemory) }
	// Output:
}

func openMemory(*testing.T) kerneltest.Kernel {
	clock := engage.NewManualClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	store := memory.New(memory.Config{Clock: clock})
	return kerneltest.Kernel{
		Tx: store, Events: store, Log: store, Parked: store.Parked(), Leases: store.Leases(),
		Notes: newNotes(store, byWorkspaceAndKey), Clock: clock,
		BrokenRead: func(context.Context, engage.WorkspaceID) error { return errors.New("no such table") },
		Prune: func(ctx context.Context) error {
			_, err := store.Prune(ctx)
			return err
		},
	}
}

type note struct {
	workspace  engage.WorkspaceID
	key, value string
}

func byWorkspaceAndKey(a, b *note) bool {
	return cmp.Or(bytes.Compare(a.workspace[:], b.workspace[:]), cmp.Compare(a.key, b.key)) < 0
}

// notes are written and read as a domain's rows are.
type notes struct{ rows *memory.Table[note] }

func newNotes(store *memory.Store, less func(a, b *note) bool) kerneltest.Notes {
	return notes{memory.NewTable(store, "notes", memory.Index[note]{Name: "key", Less: less})}
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
	for row := range n.rows.Read(ctx).Ascend("key", nil) {
		if row.workspace == ws {
			all[row.key] = row.value
		}
	}
	return all, nil
}
