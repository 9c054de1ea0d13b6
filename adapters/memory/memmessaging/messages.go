package memmessaging

import (
	"cmp"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/messaging"
)

// Messages implements messaging.MessageRepository and
// messaging.MessageRepositoryAcross.
type Messages struct {
	rows          *memory.Table[messageRow]
	planned, lost turns
}

// turns is where the claims of a state stand: the workspace that came last.
type turns struct {
	mu   sync.Mutex
	last engage.WorkspaceID
}

var (
	_ messaging.MessageRepository       = (*Messages)(nil)
	_ messaging.MessageRepositoryAcross = (*Messages)(nil)
)

type messageRow struct {
	ws engage.WorkspaceID
	// claimAt is the instant from which on a worker may claim the message: when it
	// is due, or while a worker holds it, the end of its lease.
	claimAt time.Time
	messaging.Message
}

// NewMessages makes the repository of a store.
func NewMessages(store *memory.Store) *Messages {
	return &Messages{rows: memory.NewTable(store, "messaging_messages",
		memory.Index[messageRow]{Name: "id", Less: func(a, b *messageRow) bool { return memory.Before(a.ws, b.ws, a.ID.Compare(b.ID)) }},
		memory.Index[messageRow]{Name: "key", Less: func(a, b *messageRow) bool { return memory.Before(a.ws, b.ws, strings.Compare(a.Key, b.Key)) }},
		memory.Index[messageRow]{Name: "contact", Less: func(a, b *messageRow) bool {
			return memory.Before(a.ws, b.ws, cmp.Or(a.ContactID.Compare(b.ContactID), a.ID.Compare(b.ID)))
		}},
		memory.Index[messageRow]{Name: "claim", Less: func(a, b *messageRow) bool {
			return cmp.Or(cmp.Compare(a.State, b.State), a.ws.Compare(b.ws), a.claimAt.Compare(b.claimAt), a.ID.Compare(b.ID)) < 0
		}})}
}

// Plan implements messaging.MessageRepository.
func (r *Messages) Plan(ctx context.Context, ws engage.WorkspaceID, messages []messaging.Message) ([]bool, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memmessaging.Plan", ws, len(messages))
	}
	if err != nil {
		return nil, err
	}
	isNew := make([]bool, len(messages))
	var fresh []messaging.Message
	keys, ids := map[string]bool{}, map[messaging.MessageID]bool{}
	for i, m := range messages {
		_, exists := rows.Get("key", &messageRow{ws: ws, Message: m})
		if exists || keys[m.Key] {
			continue
		}
		if _, taken := rows.Get("id", &messageRow{ws: ws, Message: m}); taken || ids[m.ID] {
			return nil, &engage.Error{Code: engage.AlreadyExists, Op: "memmessaging.Plan", Entity: "message " + m.ID.String()}
		}
		keys[m.Key], ids[m.ID], isNew[i] = true, true, true
		fresh = append(fresh, m)
	}
	for _, m := range fresh {
		m.Token = 0
		rows.Set(&messageRow{ws: ws, claimAt: m.DueAt, Message: m})
	}
	return isNew, nil
}

// Get implements messaging.MessageRepository.
func (r *Messages) Get(ctx context.Context, ws engage.WorkspaceID, ids []messaging.MessageID) ([]messaging.Message, error) {
	if err := engage.CheckCall("memmessaging.Get", ws, len(ids)); err != nil {
		return nil, err
	}
	rows := r.rows.Read(ctx)
	var found []messaging.Message
	for _, id := range memory.SortedIDs(ids) {
		if row, ok := rows.Get("id", &messageRow{ws: ws, Message: messaging.Message{ID: id}}); ok {
			found = append(found, row.Message)
		}
	}
	return found, nil
}

// OfContact implements messaging.MessageRepository.
func (r *Messages) OfContact(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, request engage.PageRequest) (engage.Page[messaging.Message], error) {
	return memory.PageByID(ws, "messaging_messages|"+contact.String(), request, func(after messaging.MessageID, yield func(messaging.MessageID, messaging.Message) bool) {
		for row := range r.rows.Read(ctx).Ascend("contact", &messageRow{ws: ws, Message: messaging.Message{ContactID: contact, ID: after}}) {
			if row.ws != ws || row.ContactID != contact || !yield(row.ID, row.Message) {
				return
			}
		}
	})
}

// Forget implements messaging.MessageRepository.
func (r *Messages) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	rows, err := r.rows.Write(ctx, ws)
	if err == nil {
		err = engage.CheckCall("memmessaging.Forget", ws, len(ids))
	}
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range memory.SortedIDs(ids) {
		for row := range rows.Ascend("contact", &messageRow{ws: ws, Message: messaging.Message{ContactID: id}}) {
			if row.ws != ws || row.ContactID != id {
				break
			}
			rows.Delete(row)
			n++
		}
	}
	return n, nil
}
