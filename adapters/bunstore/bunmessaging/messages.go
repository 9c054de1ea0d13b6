package bunmessaging

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/messaging"
	"github.com/uptrace/bun"
)

// Messages implements messaging.MessageRepository and
// messaging.MessageRepositoryAcross.
type Messages struct {
	store   *bunstore.Store
	planned *bunstore.Turns[messageRow]
	lost    *bunstore.Turns[messageRow]
}

var (
	_ messaging.MessageRepository       = (*Messages)(nil)
	_ messaging.MessageRepositoryAcross = (*Messages)(nil)
)

type messageRow struct {
	bun.BaseModel `bun:"table:engage_messaging_messages,alias:m"`

	Workspace  bunstore.UID    `bun:"workspace_id,pk"`
	ID         bunstore.UID    `bun:"id,pk"`
	Key        bunstore.Key    `bun:"message_key"`
	ContactID  bunstore.UID    `bun:"contact_id"`
	TemplateID bunstore.UID    `bun:"template_id"`
	Class      bunstore.Text   `bun:"class"`
	Data       bunstore.JSON   `bun:"data"`
	State      bunstore.Text   `bun:"state"`
	Address    bunstore.Text   `bun:"address"`
	Attempts   int             `bun:"attempts"`
	Repeats    int             `bun:"repeats"`
	Reason     bunstore.Text   `bun:"reason"`
	Failure    bunstore.Text   `bun:"failure"`
	Code       bunstore.Text   `bun:"code"`
	ProviderID bunstore.Text   `bun:"provider_id"`
	DueAt      bunstore.Micros `bun:"due_at"`
	PlannedAt  bunstore.Micros `bun:"planned_at"`
	IntendedAt bunstore.Micros `bun:"intended_at"`
	SettledAt  bunstore.Micros `bun:"settled_at"`
	Token      int64           `bun:"token"`
	// ClaimAt is the instant from which on a worker may claim the message: when it
	// is due, or while a worker holds it, the end of its lease. NULL: never.
	ClaimAt bunstore.Micros `bun:"claim_at"`
}

func messageRowOf(ws engage.WorkspaceID, m messaging.Message) messageRow {
	row := messageRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(m.ID), Key: bunstore.Key(m.Key),
		ContactID: bunstore.UID(m.ContactID), TemplateID: bunstore.UID(m.TemplateID), Class: bunstore.Text(m.Class),
		State: bunstore.Text(m.State), Address: bunstore.Text(m.Address), Attempts: m.Attempts, Repeats: m.Repeats,
		Reason: bunstore.Text(m.Reason), Failure: bunstore.Text(m.Failure), Code: bunstore.Text(m.Code), ProviderID: bunstore.Text(m.ProviderID),
		DueAt: bunstore.Micros(m.DueAt), PlannedAt: bunstore.Micros(m.PlannedAt),
		IntendedAt: bunstore.Micros(m.IntendedAt), SettledAt: bunstore.Micros(m.SettledAt), Token: m.Token,
	}
	if !m.Data.IsZero() {
		row.Data = bunstore.JSON(m.Data.String())
	}
	if m.State == messaging.Planned {
		row.ClaimAt = row.DueAt
	}
	return row
}

func (r messageRow) id() bunstore.UID { return r.ID }

func (r messageRow) message() (messaging.Message, error) {
	m := messaging.Message{
		ID: messaging.MessageID(r.ID), Key: string(r.Key), ContactID: contacts.ID(r.ContactID), TemplateID: messaging.TemplateID(r.TemplateID),
		Class: messaging.Class(r.Class), State: messaging.State(r.State), Address: string(r.Address), Attempts: r.Attempts, Repeats: r.Repeats,
		Reason: messaging.Reason(r.Reason), Failure: messaging.FailureClass(r.Failure), Code: string(r.Code), ProviderID: string(r.ProviderID),
		DueAt: r.DueAt.Time(), PlannedAt: r.PlannedAt.Time(), IntendedAt: r.IntendedAt.Time(), SettledAt: r.SettledAt.Time(), Token: r.Token,
	}
	if r.Data == nil {
		return m, nil
	}
	data, err := attribute.Parse(r.Data) // the database may have reordered it
	if err != nil {
		return m, &engage.Error{Code: engage.Internal, Op: "bunmessaging", Entity: "message " + m.ID.String(), Err: err}
	}
	m.Data = data
	return m, nil
}

// NewMessages makes the repository of a store.
func NewMessages(store *bunstore.Store) *Messages {
	due := func(state messaging.State) *bunstore.Turns[messageRow] {
		return bunstore.NewTurns(bunstore.Due{
			Table: "engage_messaging_messages", Index: "engage_messaging_messages_state_claim_at_ix", Column: "claim_at",
			State: "state", Value: bunstore.Text(state),
		}, func(row messageRow) bunstore.UID { return row.Workspace })
	}
	return &Messages{store: store, planned: due(messaging.Planned), lost: due(messaging.Intended)}
}

// Plan implements messaging.MessageRepository.
func (r *Messages) Plan(ctx context.Context, ws engage.WorkspaceID, messages []messaging.Message) ([]bool, error) {
	const op = "bunmessaging.Plan"
	db, err := writer(ctx, r.store, op, ws, len(messages))
	if err != nil {
		return nil, err
	}
	rows := make([]messageRow, len(messages))
	for i, m := range messages {
		m.Token = 0
		rows[i] = messageRowOf(ws, m)
	}
	isNew, err := bunstore.InsertNew(ctx, db, rows, "workspace_id", "message_key")
	return isNew, bunstore.MapError(ctx, op, "", err)
}

// Get implements messaging.MessageRepository.
func (r *Messages) Get(ctx context.Context, ws engage.WorkspaceID, ids []messaging.MessageID) ([]messaging.Message, error) {
	const op = "bunmessaging.Get"
	if err := engage.CheckCall(op, ws, len(ids)); err != nil {
		return nil, err
	}
	db, err := r.store.Read(ctx, ws)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []messageRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	found := make([]messaging.Message, len(rows))
	for i, row := range rows {
		if found[i], err = row.message(); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// OfContact implements messaging.MessageRepository.
func (r *Messages) OfContact(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, request engage.PageRequest) (engage.Page[messaging.Message], error) {
	return page(ctx, r.store, "bunmessaging.OfContact", ws, "messaging_messages|"+contact.String(), request,
		bun.SafeQuery("contact_id = ?", bunstore.UID(contact)), messageRow.id, messageRow.message)
}

// Forget implements messaging.MessageRepository.
func (r *Messages) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	const op = "bunmessaging.Forget"
	db, err := writer(ctx, r.store, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	result, err := db.NewDelete().Model((*messageRow)(nil)).
		Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("contact_id", ids)).Exec(ctx)
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	return int(n), bunstore.MapError(ctx, op, "", err)
}
