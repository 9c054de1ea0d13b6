package messaging_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/messaging/messagingtest"
)

// isolationCase calls a method for a workspace about the objects of another. It
// answers how much the method found there, and its error.
type isolationCase struct {
	// makes marks methods that make something of the caller's own and look for
	// nothing.
	makes bool
	call  func(ctx context.Context, ws engage.WorkspaceID) (found int, err error)
}

func isolationCases(s *messaging.Service, m messaging.Message) map[string]isolationCase {
	rename := func(t *messaging.SavedTemplate) error { t.Name = "Mine"; return nil }
	return map[string]isolationCase{
		"CreateTemplate": {makes: true, call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.CreateTemplate(ctx, ws, greeting())
			return 0, err
		}},
		"Enqueue": {makes: true, call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			sent, err := s.Enqueue(ctx, ws, messaging.Send{Key: m.Key, ContactID: m.ContactID, TemplateID: m.TemplateID})
			if err == nil && sent[0].Duplicate {
				return 1, nil
			}
			return 0, err
		}},
		"Message": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Message(ctx, ws, m.ID)
			return 1, err
		}},
		"MessagesOf": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			page, err := s.MessagesOf(ctx, ws, m.ContactID, engage.PageRequest{})
			return len(page.Items), err
		}},
		"Template": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Template(ctx, ws, m.TemplateID)
			return 1, err
		}},
		"Templates": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			page, err := s.Templates(ctx, ws, engage.PageRequest{})
			return len(page.Items), err
		}},
		"UpdateTemplate": {call: func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.UpdateTemplate(ctx, ws, m.TemplateID, rename)
			return 1, err
		}},
	}
}

func TestServiceMethodsKeepToTheirWorkspace(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for method := range reflect.TypeFor[*messaging.Service]().Methods() {
		if method.Type.NumIn() > 2 && method.Type.In(2) == reflect.TypeFor[engage.WorkspaceID]() {
			names[method.Name] = true
		}
	}
	for name := range isolationCases(nil, messaging.Message{}) {
		if !names[name] {
			t.Errorf("there is no method %s", name)
		}
	}
	for name := range names {
		if _, covered := isolationCases(nil, messaging.Message{})[name]; !covered {
			t.Errorf("%s takes a workspace and has no case here", name)
			continue
		}
		prepare := func(t *testing.T) (b *testBundle, c isolationCase, dump func(engage.WorkspaceID) string) {
			t.Helper()
			b = setup(t)
			m := b.message(b.mailing(1, messaging.Marketing)[0])
			dump = func(ws engage.WorkspaceID) string {
				return messagingtest.Dump(b.ctx, t, messagingtest.Adapter{Templates: b.deps.Templates, Messages: b.ledger}, ws, m.ContactID)
			}
			return b, isolationCases(b.service, m)[name], dump
		}
		t.Run(name+" finds nothing of another workspace and changes nothing there", func(t *testing.T) {
			t.Parallel()
			b, c, dump := prepare(t)
			mine, theirs := dump(b.ws), dump(b.other)
			found, err := c.call(b.ctx, b.other)
			switch {
			case err != nil && !errors.Is(err, engage.ErrNotFound):
				t.Errorf("want ErrNotFound or nothing, got %v", err)
			case err == nil && found != 0:
				t.Errorf("found %d objects of another workspace", found)
			}
			b.same(dump(b.ws), mine)
			if !c.makes {
				b.same(dump(b.other), theirs)
			}
		})
		t.Run(name+" refuses the zero workspace", func(t *testing.T) {
			t.Parallel()
			b, c, dump := prepare(t)
			before := dump(b.ws)
			_, err := c.call(b.ctx, engage.WorkspaceID{})
			b.code(err, engage.Invalid)
			b.same(dump(b.ws), before)
		})
		t.Run(name+" refuses another workspace within a transaction", func(t *testing.T) {
			t.Parallel()
			b, c, dump := prepare(t)
			before := dump(b.ws)
			_ = b.store.InTx(b.ctx, b.other, func(ctx context.Context) error {
				// Reads may answer; a write in the other's transaction may not.
				_, err := c.call(ctx, b.ws)
				if err != nil && !errors.Is(err, engage.ErrFailedPrecondition) {
					t.Errorf("want ErrFailedPrecondition, got %v", err)
				}
				return nil
			})
			b.same(dump(b.ws), before)
		})
	}
}

func TestAWorkersBatchKeepsWorkspacesApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mine := b.mailingOf(b.ws, 2, messaging.Marketing)
	// The other workspace's message names a template and a contact of the first.
	m := b.message(mine[0])
	theirs := b.enqueueOf(b.other, messaging.Send{Key: m.Key, ContactID: m.ContactID, TemplateID: m.TemplateID})
	b.drain()
	b.same(total(b.messages(b.ws, mine)), map[messaging.State]int{messaging.Accepted: 2})
	found := b.messages(b.other, theirs)
	b.same(total(found), map[messaging.State]int{messaging.Skipped: 1})
	b.toldOnce(b.ws, b.messages(b.ws, mine))
	b.toldOnce(b.other, found)
}
