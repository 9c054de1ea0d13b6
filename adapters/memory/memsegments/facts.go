package memsegments

import (
	"cmp"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/segments"
)

// Facts implements segments.FactRepository.
type Facts struct {
	rows     *memory.Table[factRow]
	recounts *memory.Table[recountRow]
	marks    *memory.Table[markRow]
}

var _ segments.FactRepository = (*Facts)(nil)

type factRow struct {
	ws engage.WorkspaceID
	segments.Fact
}

type recountRow struct {
	ws engage.WorkspaceID
	segments.Recount
}

type markRow struct {
	ws engage.WorkspaceID
	id events.ID
}

// NewFacts makes the repository of a store.
func NewFacts(store *memory.Store) *Facts {
	return &Facts{
		rows: memory.NewTable(store, "segments_facts",
			memory.Index[factRow]{Name: "contact", Less: func(a, b *factRow) bool {
				return before(a.ws, b.ws, cmp.Or(a.ContactID.Compare(b.ContactID), cmp.Compare(a.Event, b.Event)))
			}}),
		recounts: memory.NewTable(store, "segments_recounts",
			memory.Index[recountRow]{Name: "workspace", Less: func(a, b *recountRow) bool { return before(a.ws, b.ws, 0) }}),
		marks: memory.NewTable(store, "segments_marks",
			memory.Index[markRow]{Name: "id", Less: func(a, b *markRow) bool { return before(a.ws, b.ws, a.id.Compare(b.id)) }}),
	}
}

// Add implements segments.FactRepository.
func (r *Facts) Add(ctx context.Context, ws engage.WorkspaceID, facts []segments.Fact) error {
	rows, err := r.write(ctx, "memsegments.Add", ws, len(facts))
	if err != nil {
		return err
	}
	for _, f := range facts {
		add(rows, ws, f)
	}
	return nil
}

func add(rows memory.Writer[factRow], ws engage.WorkspaceID, f segments.Fact) {
	if old, exists := rows.Get("contact", &factRow{ws: ws, Fact: f}); exists {
		f.Count += old.Count
		if old.FirstAt.Before(f.FirstAt) {
			f.FirstAt = old.FirstAt
		}
		if old.LastAt.After(f.LastAt) {
			f.LastAt = old.LastAt
		}
	}
	rows.Set(&factRow{ws: ws, Fact: f})
}

// Get implements segments.FactRepository.
func (r *Facts) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID, names []string) ([]segments.Fact, error) {
	if err := engage.CheckCall("memsegments.Get", ws, max(len(ids), len(names))); err != nil {
		return nil, err
	}
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	rows := r.rows.Read(ctx)
	var found []segments.Fact
	for _, id := range sorted(ids) {
		for _, name := range names {
			if row, ok := rows.Get("contact", &factRow{ws: ws, Fact: segments.Fact{ContactID: id, Event: name}}); ok {
				found = append(found, row.Fact)
			}
		}
	}
	return found, nil
}

// Move implements segments.FactRepository.
func (r *Facts) Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error {
	rows, err := r.write(ctx, "memsegments.Move", ws, len(absorptions))
	if err != nil {
		return err
	}
	for _, a := range absorptions {
		for _, f := range of(rows.View, ws, a.Absorbed) {
			rows.Delete(&factRow{ws: ws, Fact: f})
			f.ContactID = a.Survivor
			add(rows, ws, f)
		}
	}
	return nil
}

func of(rows memory.View[factRow], ws engage.WorkspaceID, id contacts.ID) []segments.Fact {
	var found []segments.Fact
	for row := range rows.Ascend("contact", &factRow{ws: ws, Fact: segments.Fact{ContactID: id}}) {
		if row.ws != ws || row.ContactID != id {
			break
		}
		found = append(found, row.Fact)
	}
	return found
}

// Forget implements segments.FactRepository.
func (r *Facts) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	rows, err := r.write(ctx, "memsegments.Forget", ws, len(ids))
	if err != nil {
		return err
	}
	for _, id := range ids {
		for _, f := range of(rows.View, ws, id) {
			rows.Delete(&factRow{ws: ws, Fact: f})
		}
	}
	return nil
}

// Recount implements segments.FactRepository.
func (r *Facts) Recount(ctx context.Context, ws engage.WorkspaceID) (segments.Recount, error) {
	if err := engage.CheckCall("memsegments.Recount", ws, 0); err != nil {
		return segments.Recount{}, err
	}
	row, ok := r.recounts.Read(ctx).Get("workspace", &recountRow{ws: ws})
	if !ok {
		return segments.Recount{}, nil
	}
	return row.Recount, nil
}

// SetRecount implements segments.FactRepository.
func (r *Facts) SetRecount(ctx context.Context, ws engage.WorkspaceID, recount segments.Recount) error {
	rows, err := r.recounts.Write(ctx, ws)
	if err != nil {
		return err
	}
	row := &recountRow{ws: ws, Recount: recount}
	if recount == (segments.Recount{}) {
		rows.Delete(row)
		return nil
	}
	rows.Set(row)
	return nil
}

// Once implements segments.FactRepository.
func (r *Facts) Once(ctx context.Context, ws engage.WorkspaceID, ids []events.ID) ([]bool, error) {
	rows, err := r.marks.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memsegments.Once", ws, len(ids))
	}
	if err != nil {
		return nil, err
	}
	isNew := make([]bool, len(ids))
	for i, id := range ids {
		if _, marked := rows.Get("id", &markRow{ws, id}); !marked {
			rows.Set(&markRow{ws, id})
			isNew[i] = true
		}
	}
	return isNew, nil
}

// Reset implements segments.FactRepository.
func (r *Facts) Reset(ctx context.Context, ws engage.WorkspaceID, what segments.Part, limit int) (int, error) {
	rows, err := r.write(ctx, "memsegments.Reset", ws, limit)
	if err != nil {
		return 0, err
	}
	marks, err := r.marks.Write(ctx, ws)
	if err != nil {
		return 0, err
	}
	n := 0
	switch what {
	case segments.Facts:
		for row := range rows.Ascend("contact", &factRow{ws: ws}) {
			if row.ws != ws || n == limit {
				break
			}
			rows.Delete(row)
			n++
		}
	case segments.Marks:
		for row := range marks.Ascend("id", &markRow{ws: ws}) {
			if row.ws != ws || n == limit {
				break
			}
			marks.Delete(row)
			n++
		}
	}
	return n, nil
}

func (r *Facts) write(ctx context.Context, op string, ws engage.WorkspaceID, items int) (memory.Writer[factRow], error) {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall(op, ws, items)
	}
	return rows, err
}
