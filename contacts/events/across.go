package events

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// EventAcross is an event with its workspace.
type EventAcross struct {
	Workspace engage.WorkspaceID
	Event     Event
}

// ContactAcross names a contact with its workspace.
type ContactAcross struct {
	Workspace engage.WorkspaceID
	ID        contacts.ID
}

// RepositoryAcross is an option of a Repository. Where it and ContactsAcross are
// implemented, a Collector takes two statements for the events of all workspaces
// instead of two for each.
type RepositoryAcross interface {
	// AppendAcross is Append for events of all workspaces of a database, at most
	// engage.MaxBatch. It needs an InShard transaction in ctx.
	AppendAcross(ctx context.Context, shard engage.Shard, events []EventAcross) ([]bool, error)
}

// ContactsAcross is an option of Contacts.
type ContactsAcross interface {
	// ExistingAcross answers, aligned, which of at most engage.MaxBatch contacts
	// there are, absorbed ones included. It needs an InShard transaction in ctx.
	ExistingAcross(ctx context.Context, shard engage.Shard, asked []ContactAcross) ([]bool, error)
}

// across are the options of a service's ports.
type across struct {
	events   RepositoryAcross
	contacts ContactsAcross
}

func (a across) given() bool { return a.events != nil && a.contacts != nil }

// writeAcross stores the events of calls of any workspaces of a database, in the
// InShard transaction in ctx. Calls that name a contact which is missing are
// answered so and write nothing; the others go on.
func (s *Service) writeAcross(ctx context.Context, shard engage.Shard, calls []*call) error {
	calls = slices.Clone(calls)
	slices.SortStableFunc(calls, func(a, b *call) int { return a.ws.Compare(b.ws) })
	var asked []ContactAcross
	for _, one := range calls {
		for _, e := range one.events {
			asked = append(asked, ContactAcross{one.ws, e.ContactID})
		}
	}
	exists, err := s.across.contacts.ExistingAcross(ctx, shard, asked)
	if err != nil {
		return err
	}
	var all []EventAcross
	for _, one := range calls {
		mine := exists[:len(one.events)]
		exists = exists[len(one.events):]
		one.err = missing(one.events, func(i int) bool { return mine[i] })
		for _, e := range one.events {
			if one.err == nil {
				all = append(all, EventAcross{one.ws, e})
			}
		}
	}
	isNew, err := s.across.events.AppendAcross(ctx, shard, all)
	if err != nil {
		return err
	}
	for _, one := range calls {
		if one.appended = nil; one.err != nil {
			continue
		}
		one.appended, err = s.tell(ctx, one.ws, one.events, isNew[:len(one.events)])
		if err != nil {
			return err
		}
		isNew = isNew[len(one.events):]
	}
	return nil
}
