package memory

import (
	"context"
	"time"

	"github.com/go-engage/engage"
)

// pending is an event that its transaction will write at commit, in the form
// that a slice holds it in.
type pending struct {
	workspace engage.WorkspaceID
	encoded   []byte
}

// sliceRow is a slice as the log keeps it: encoded, so that readers get events
// of their own and see what any store's codec does to them.
type sliceRow struct {
	id        engage.SliceID
	workspace engage.WorkspaceID
	partition engage.Partition
	position  engage.Position
	published time.Time
	events    []byte // as engage.EncodeSlice writes them
}

// headRow is the last position of a partition. It outlives the slices.
type headRow struct {
	partition engage.Partition
	position  engage.Position
}

const byKey = "key"

func newSliceTable(s *Store) *Table[sliceRow] {
	return NewTable(s, "engage_slices", Index[sliceRow]{Name: byKey, Less: func(a, b *sliceRow) bool {
		if a.partition != b.partition {
			return a.partition < b.partition
		}
		return a.position < b.position
	}})
}

func newHeadTable(s *Store) *Table[headRow] {
	return NewTable(s, "engage_heads", Index[headRow]{Name: byKey, Less: func(a, b *headRow) bool {
		return a.partition < b.partition
	}})
}

// Publish implements engage.Publisher.
func (s *Store) Publish(ctx context.Context, ws engage.WorkspaceID, events ...engage.Event) error {
	sc, err := s.requireWorkspace(ctx, "Publish", ws)
	if err != nil {
		return err
	}
	now := s.clock.Now()
	added := make([]pending, 0, len(events))
	for _, event := range events {
		envelope, err := engage.NewEnvelope(ctx, ws, event, engage.EventID(s.ids.NewID()), now)
		if err != nil {
			return err
		}
		encoded, err := engage.EncodeSlice([]engage.Envelope{envelope})
		if err != nil {
			return err
		}
		added = append(added, pending{ws, encoded})
	}
	sc.tx.events = append(sc.tx.events, added...)
	return nil
}

// writeSlices is the last step before a commit: it cuts the transaction's
// events into slices, a workspace at a time, and numbers them. Only one
// transaction is open, so positions follow the order of the commits.
func (x *tx) writeSlices() {
	if len(x.events) == 0 {
		return
	}
	var order []engage.WorkspaceID
	encoded := map[engage.WorkspaceID][][]byte{}
	for _, event := range x.events {
		if encoded[event.workspace] == nil {
			order = append(order, event.workspace)
		}
		encoded[event.workspace] = append(encoded[event.workspace], event.encoded)
	}
	sc := &scope{tx: x}
	slices, heads := x.store.slices.writer(sc), x.store.heads.writer(sc)
	now := x.store.clock.Now()
	for _, ws := range order {
		head := headRow{partition: engage.PartitionOf(ws)}
		if last, ok := heads.Get(byKey, &head); ok {
			head = *last
		}
		for _, events := range cut(encoded[ws]) {
			head.position++
			slices.Set(&sliceRow{
				id: engage.SliceID(x.store.ids.NewID()), workspace: ws, partition: head.partition,
				position: head.position, published: now, events: events,
			})
		}
		heads.Set(&head)
	}
}

// cut joins encoded events into slices within engage's limits.
func cut(encoded [][]byte) [][]byte {
	var slices [][]byte
	var current []byte
	count := 0
	for _, event := range encoded {
		version, envelope := event[:1], event[1:]
		if count == engage.MaxSliceEvents || count > 0 && len(current)+len(envelope) > engage.MaxSliceBytes {
			slices, current, count = append(slices, current), nil, 0
		}
		if count == 0 {
			current = append(current, version...)
		}
		current = append(current, envelope...)
		count++
	}
	return append(slices, current)
}
