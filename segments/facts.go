package segments

import (
	"cmp"
	"context"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
)

// Fact is how often a contact did something, and when first and last. It stands
// for the contact's history in most conditions on events.
type Fact struct {
	ContactID contacts.ID
	Event     string
	Count     int
	FirstAt   time.Time // the earliest OccurredAt
	LastAt    time.Time // the latest OccurredAt
}

// add takes in another fact of the same contact and event.
func (f *Fact) add(other Fact) {
	if f.Count == 0 || other.FirstAt.Before(f.FirstAt) {
		f.FirstAt = other.FirstAt
	}
	if f.Count == 0 || other.LastAt.After(f.LastAt) {
		f.LastAt = other.LastAt
	}
	f.Count += other.Count
}

// factKey tells the facts of a workspace apart.
type factKey struct {
	contact contacts.ID
	event   string
}

func (k factKey) compare(other factKey) int {
	return cmp.Or(k.contact.Compare(other.contact), cmp.Compare(k.event, other.event))
}

// FactRepository keeps facts. Slices hold at most engage.MaxBatch items; writes
// need the transaction in ctx. Event names are compared by their bytes.
type FactRepository interface {
	// Add adds counts to the stored facts of the same contacts and events, takes
	// the earlier FirstAt and the later LastAt, and stores facts that are new. Of
	// facts with one contact and event in a call, all are added.
	Add(ctx context.Context, ws engage.WorkspaceID, facts []Fact) error
	// Get answers the facts of contacts and event names, both at most
	// engage.MaxBatch, ordered by contact, then event.
	Get(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID, events []string) ([]Fact, error)
	// Move adds the facts of absorbed contacts to their survivors', one absorption
	// after the other.
	Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error
	// Forget removes all facts of contacts.
	Forget(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) error
	// Recount answers where counting the workspace's facts anew stands; the zero
	// Recount when it does not happen.
	Recount(ctx context.Context, ws engage.WorkspaceID) (Recount, error)
	// SetRecount stores that; the zero Recount removes it.
	SetRecount(ctx context.Context, ws engage.WorkspaceID, recount Recount) error
	// Once marks events and answers, aligned, which of them were not marked
	// before; of equal ids in one call the first was not.
	Once(ctx context.Context, ws engage.WorkspaceID, ids []events.ID) ([]bool, error)
	// Reset removes at most limit facts or marks of the workspace, at most
	// engage.MaxBatch, and answers how many it removed.
	Reset(ctx context.Context, ws engage.WorkspaceID, what Part, limit int) (int, error)
}

// Part is what Reset removes.
type Part string

// The parts that a FactRepository keeps.
const (
	Facts Part = "facts"
	Marks Part = "marks" // of the events that a recount has counted
)
