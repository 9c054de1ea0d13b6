package audittest_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/accounts/audit/audittest"
	"github.com/go-engage/engage/internal/saboteur"
)

// TestTheSuiteNoticesAnAdapterThat breaks the adapter in memory in one way each;
// the suite must fail in the case that is named. None gives out its own pointer:
// entries hold none.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	type adapter = audittest.Adapter
	const (
		stores = "entries/answers what was stored, byte for byte"
		order  = "lists of entries/orders entries by time and id, the newest first, also while others come"
		picks  = "lists of entries/selects by time, actor, subject and name, compared by their bytes"
	)
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *adapter)
	}{
		{"ignores the workspace when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *adapter) {
			a.Entries = readsAnywhere{notes{a.Entries, &saboteur.Seen{}}}
		}},
		{"ignores the workspace when it writes", "every port/keeps equal ids of two workspaces apart", func(a *adapter) {
			a.Tx, a.Entries = saboteur.Unpinned{Transactor: a.Tx}, erasesAnywhere{notes{a.Entries, &saboteur.Seen{}}}
		}},
		{"ignores the workspace when it pages", order, func(a *adapter) {
			a.Entries = pagesAnywhere{notes{a.Entries, &saboteur.Seen{}}}
		}},
		{"writes in another workspace's transaction", "every port/refuses to write in another workspace's transaction", func(a *adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"accepts the zero workspace", "every port/refuses the zero workspace", func(a *adapter) { a.Entries = zeroIsNobody{a.Entries} }},
		{"ignores the version", "chains/moves the head from the version that was read", func(a *adapter) { a.Entries = lastWriterWins{a.Entries} }},
		{"links although the head moved", "chains/moves the head from the version that was read", func(a *adapter) { a.Entries = linksFirst{a.Entries} }},
		{"numbers what has a number", "chains/passes over missing entries and those that have a place", func(a *adapter) {
			a.Entries = numbersAgain{a.Entries}
		}},
		{"pages by offset", order, func(a *adapter) { a.Entries = pagesByOffset{a.Entries} }},
		{"ends a page within an instant", order, func(a *adapter) { a.Entries = skipsEqualInstants{a.Entries} }},
		{"folds case", picks, func(a *adapter) {
			a.Entries = finds{a.Entries, func(q *audit.Query) { q.Name = strings.ToLower(q.Name) }}
		}},
		{"trims spaces", stores, func(a *adapter) {
			a.Entries = appends{a.Entries, func(e *audit.Entry) { e.Actor.ID = strings.TrimRight(e.Actor.ID, " ") }}
		}},
		{"ignores the actor's type", picks, func(a *adapter) {
			a.Entries = finds{a.Entries, func(q *audit.Query) {
				if q.Actor.ID != "" {
					q.Actor.Type = "user"
				}
			}}
		}},
		{"includes the end of a span", picks, func(a *adapter) {
			a.Entries = finds{a.Entries, func(q *audit.Query) {
				if !q.Until.IsZero() {
					q.Until = q.Until.Add(time.Microsecond)
				}
			}}
		}},
		{"keeps payloads as JSON values", stores, func(a *adapter) {
			a.Entries = appends{a.Entries, func(e *audit.Entry) { e.Data = strings.ReplaceAll(e.Data, `, "`, `,"`) }}
		}},
		{"truncates time", "entries/keeps instants to the microsecond, in UTC, before 1970 too", func(a *adapter) {
			a.Entries = appends{a.Entries, func(e *audit.Entry) { e.At = e.At.Truncate(time.Millisecond) }}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *adapter) {
			a.Entries = opensItsOwn{a.Entries, a.Tx}
		}},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"keeps rows after a nested rollback", "every port/leaves nothing behind after a rollback", func(a *adapter) {
			a.Tx = saboteur.JoinsWithoutSavepoint{Transactor: a.Tx}
		}},
		{"accepts a batch of any size", "every port/refuses more than a batch", func(a *adapter) { a.Entries = takesAnyBatch{a.Entries} }},
		{"applies a batch partially", "entries/refuses a taken id, and stores none of the call", func(a *adapter) { a.Entries = oneByOne{a.Entries} }},
		{"hides numbers that nobody gave", "chains/answers the chain in pages, by number and id, whatever numbers there are", func(a *adapter) {
			a.Entries = fromOneOn{a.Entries}
		}},
		{"skips twins between two pages", "chains/answers the chain in pages, by number and id, whatever numbers there are", func(a *adapter) {
			a.Entries = byNumberAlone{a.Entries}
		}},
		{"leaves the head when it erases", "entries/erases a workspace's trail and says how many entries there were", func(a *adapter) {
			a.Entries = keepsHeads{a.Entries}
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, audittest.RunConformance, open, c.to)
		})
	}
}

// notes remembers the workspaces that entries were appended to.
type notes struct {
	audit.Repository
	*saboteur.Seen
}

func (r notes) Append(ctx context.Context, ws engage.WorkspaceID, entries []audit.Entry) error {
	r.Note(ws)
	return r.Repository.Append(ctx, ws, entries)
}

type readsAnywhere struct{ notes }

func (r readsAnywhere) Waiting(ctx context.Context, ws engage.WorkspaceID) (int, time.Time, error) {
	n, oldest, err := r.notes.Waiting(ctx, ws)
	for _, other := range r.Note(ws) {
		if n == 0 && err == nil {
			n, oldest, err = r.notes.Waiting(ctx, other)
		}
	}
	return n, oldest, err
}

type erasesAnywhere struct{ notes }

func (r erasesAnywhere) Erase(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	total := 0
	for _, other := range r.Note(ws) {
		n, err := r.notes.Erase(ctx, other)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

type pagesAnywhere struct{ notes }

func (r pagesAnywhere) List(ctx context.Context, ws engage.WorkspaceID, query audit.Query) (engage.Page[audit.Entry], error) {
	for _, other := range r.Note(ws) {
		if key, err := query.After.Open(query.Binding(other)); err == nil && key != nil {
			query.After = engage.SealCursor(query.Binding(ws), key)
			break
		}
	}
	return r.notes.List(ctx, ws, query)
}

type zeroIsNobody struct{ audit.Repository }

func (r zeroIsNobody) Head(ctx context.Context, ws engage.WorkspaceID) (audit.Head, error) {
	if ws.IsZero() {
		return audit.Head{}, nil
	}
	return r.Repository.Head(ctx, ws)
}

type lastWriterWins struct{ audit.Repository }

func (r lastWriterWins) Chain(ctx context.Context, ws engage.WorkspaceID, links []audit.Link, head audit.Head) error {
	stored, err := r.Lock(ctx, ws)
	if err != nil {
		return err
	}
	head.Version = stored.Version
	return r.Repository.Chain(ctx, ws, links, head)
}

type linksFirst struct{ audit.Repository }

func (r linksFirst) Chain(ctx context.Context, ws engage.WorkspaceID, links []audit.Link, head audit.Head) error {
	stored, err := r.Lock(ctx, ws)
	if err != nil {
		return err
	}
	err = r.Repository.Chain(ctx, ws, nil, head)
	if engage.CodeOf(err) == engage.Conflict {
		_ = r.Repository.Chain(ctx, ws, links, stored)
		return err
	}
	if err != nil {
		return err
	}
	head.Version++
	return r.Repository.Chain(ctx, ws, links, head)
}

type numbersAgain struct{ audit.Repository }

func (r numbersAgain) Chained(ctx context.Context, ws engage.WorkspaceID, after audit.Link, limit int) ([]audit.Entry, error) {
	found, err := r.Repository.Chained(ctx, ws, after, limit)
	for i := range found {
		found[i].Number = int64(i) + 2
	}
	return found, err
}

type pagesByOffset struct{ audit.Repository }

func (r pagesByOffset) List(ctx context.Context, ws engage.WorkspaceID, query audit.Query) (engage.Page[audit.Entry], error) {
	key, err := query.After.Open(query.Binding(ws))
	if err != nil {
		return engage.Page[audit.Entry]{}, err
	}
	offset, _ := strconv.Atoi(string(key))
	size, err := query.Size()
	if err != nil {
		return engage.Page[audit.Entry]{}, err
	}
	binding := query.Binding(ws)
	query.PageRequest = engage.PageRequest{Limit: engage.MaxPageSize}
	page, err := r.Repository.List(ctx, ws, query)
	if err != nil {
		return page, err
	}
	end := min(offset+size, len(page.Items))
	if end < len(page.Items) {
		page.Next = engage.SealCursor(binding, []byte(strconv.Itoa(end)))
	}
	page.Items = page.Items[min(offset, end):end]
	return page, nil
}

type skipsEqualInstants struct{ audit.Repository }

func (r skipsEqualInstants) List(ctx context.Context, ws engage.WorkspaceID, query audit.Query) (engage.Page[audit.Entry], error) {
	page, err := r.Repository.List(ctx, ws, query)
	if query.After != "" && err == nil {
		first := page.Items[0].At
		page.Items = slices.DeleteFunc(page.Items, func(e audit.Entry) bool { return e.At.Equal(first) })
	}
	return page, err
}

// finds changes queries on their way in.
type finds struct {
	audit.Repository
	change func(*audit.Query)
}

func (r finds) List(ctx context.Context, ws engage.WorkspaceID, query audit.Query) (engage.Page[audit.Entry], error) {
	r.change(&query)
	return r.Repository.List(ctx, ws, query)
}

// appends changes entries on their way in.
type appends struct {
	audit.Repository
	change func(*audit.Entry)
}

func (r appends) Append(ctx context.Context, ws engage.WorkspaceID, entries []audit.Entry) error {
	entries = slices.Clone(entries)
	for i := range entries {
		r.change(&entries[i])
	}
	return r.Repository.Append(ctx, ws, entries)
}

type opensItsOwn struct {
	audit.Repository
	tx engage.Transactor
}

func (r opensItsOwn) Append(ctx context.Context, ws engage.WorkspaceID, entries []audit.Entry) error {
	err := r.Repository.Append(ctx, ws, entries)
	if engage.CodeOf(err) == engage.FailedPrecondition {
		err = r.tx.InTx(ctx, ws, func(ctx context.Context) error { return r.Repository.Append(ctx, ws, entries) })
	}
	return err
}

type takesAnyBatch struct{ audit.Repository }

func (r takesAnyBatch) Chained(ctx context.Context, ws engage.WorkspaceID, after audit.Link, limit int) ([]audit.Entry, error) {
	return r.Repository.Chained(ctx, ws, after, min(limit, engage.MaxBatch))
}

type oneByOne struct{ audit.Repository }

func (r oneByOne) Append(ctx context.Context, ws engage.WorkspaceID, entries []audit.Entry) error {
	if err := engage.CheckCall("oneByOne", ws, len(entries)); err != nil {
		return err
	}
	for i := range entries {
		if err := r.Repository.Append(ctx, ws, entries[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

type fromOneOn struct{ audit.Repository }

func (r fromOneOn) Chained(ctx context.Context, ws engage.WorkspaceID, after audit.Link, limit int) ([]audit.Entry, error) {
	if after == (audit.Link{}) {
		after.ID[15] = 1 // behind number 0
	}
	return r.Repository.Chained(ctx, ws, after, limit)
}

type byNumberAlone struct{ audit.Repository }

func (r byNumberAlone) Chained(ctx context.Context, ws engage.WorkspaceID, after audit.Link, limit int) ([]audit.Entry, error) {
	found, err := r.Repository.Chained(ctx, ws, after, limit)
	return slices.DeleteFunc(found, func(e audit.Entry) bool { return after.Number != 0 && e.Number == after.Number }), err
}

type keepsHeads struct{ audit.Repository }

func (r keepsHeads) Erase(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	head, err := r.Lock(ctx, ws)
	if err != nil {
		return 0, err
	}
	n, err := r.Repository.Erase(ctx, ws)
	if err == nil && head.Version > 0 {
		head.Version = 0
		err = r.Chain(ctx, ws, nil, head)
	}
	return n, err
}
