package memory

import (
	"cmp"
	"iter"
	"slices"

	"github.com/go-engage/engage"
)

// Before orders rows by workspace, then by a comparison: what the Less of every
// index of a domain's table does.
func Before(a, b engage.WorkspaceID, then int) bool { return cmp.Or(a.Compare(b), then) < 0 }

// SortedIDs answers ids in order, each once.
func SortedIDs[ID engage.ID[K], K engage.Kind](ids []ID) []ID {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b ID) int { return engage.ID[K](a).Compare(engage.ID[K](b)) })
	return slices.Compact(ids)
}

// PageByID makes a page of a list that is ordered by id. name tells the list and
// its selection from others, for its cursors. walk yields the items from the id
// after on, that one included if it exists, until yield answers false.
func PageByID[T any, ID engage.ID[K], K engage.Kind](
	ws engage.WorkspaceID, name string, request engage.PageRequest, walk func(after ID, yield func(ID, T) bool),
) (engage.Page[T], error) {
	var page engage.Page[T]
	query := name + "|" + ws.String()
	if err := engage.CheckCall("memory.Page", ws, 0); err != nil {
		return page, err
	}
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	key, err := request.After.Open(query)
	if err != nil {
		return page, err
	}
	var after, last ID
	if key != nil && copy(after[:], key) != len(after) {
		return page, damaged()
	}
	walk(after, func(id ID, item T) bool {
		if key != nil && id == after {
			return true
		}
		if len(page.Items) == size {
			page.Next = engage.SealCursor(query, last[:])
			return false
		}
		last = id
		page.Items = append(page.Items, item)
		return true
	})
	return page, nil
}

// damaged is the fault of a cursor that was made by nobody.
func damaged() error {
	var faults engage.Faults
	faults.Add("after", "invalid", "this cursor is damaged")
	return faults.Err("engage.Cursor", "")
}

// Turns queues what workers claim, a queue a workspace, so that workspaces take
// turns and a flood waits behind its own tenant.
type Turns[T any] struct {
	limit  int
	queues map[engage.WorkspaceID][]T
	order  []engage.WorkspaceID
}

// NewTurns makes queues of which a number of items is taken.
func NewTurns[T any](limit int) *Turns[T] {
	return &Turns[T]{limit: limit, queues: map[engage.WorkspaceID][]T{}}
}

// Add queues an item behind those of its workspace.
func (t *Turns[T]) Add(ws engage.WorkspaceID, item T) {
	if len(t.queues[ws]) == 0 {
		t.order = append(t.order, ws)
	}
	if len(t.queues[ws]) < t.limit {
		t.queues[ws] = append(t.queues[ws], item)
	}
}

// Take yields items up to the limit: the first of each workspace, then the
// second of each, and so on.
func (t *Turns[T]) Take() iter.Seq2[engage.WorkspaceID, T] {
	return func(yield func(engage.WorkspaceID, T) bool) {
		taken := 0
		for turn := 0; taken < t.limit; turn++ {
			before := taken
			for _, ws := range t.order {
				if turn >= len(t.queues[ws]) || taken == t.limit {
					continue
				}
				taken++
				if !yield(ws, t.queues[ws][turn]) {
					return
				}
			}
			if taken == before {
				return
			}
		}
	}
}
