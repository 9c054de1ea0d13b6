package messagingtest

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/messaging"
)

// Adapter is what a storage adapter gives to the suite: its ports, over one
// database.
type Adapter struct {
	Tx        engage.Transactor
	Templates messaging.TemplateRepository
	Messages  messaging.MessageRepository
	Due       messaging.MessageRepositoryAcross
}

// RunConformance runs the suite. open is called twice: for the cases that keep
// apart by using workspaces of their own and run in parallel, and for those of
// claims, which see every workspace and run one after another.
func RunConformance(t *testing.T, open func(t *testing.T) Adapter) {
	t.Helper()
	apart, across := open(t), open(t)
	for _, group := range []struct {
		name  string
		cases func(*testing.T, Adapter)
		a     Adapter
	}{
		{"every port", everyPort, apart},
		{"every port across", everyPortAcross, across},
		{"templates", templateCases, apart},
		{"messages", messageCases, apart},
		{"lists of messages", pagingCases, apart},
		{"claims", claimCases, across},
		{"turns", turnCases, across},
		{"saves", saveCases, across},
	} {
		t.Run(group.name, func(t *testing.T) { group.cases(t, group.a) })
	}
}

var start = porttest.Start

// fixture is a case's two workspaces, with the ports.
type fixture struct {
	*porttest.Fixture
	Adapter
	// people are whose messages the case planned, by workspace.
	people map[engage.WorkspaceID][]contacts.ID
}

func newFixture(t *testing.T, a Adapter) *fixture {
	t.Helper()
	return &fixture{
		Fixture: porttest.New(t, a.Tx, cmp.Comparer(func(a, b attribute.Value) bool { return a == b })),
		Adapter: a, people: map[engage.WorkspaceID][]contacts.ID{},
	}
}

// run makes a case of a function.
func run(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		fn(newFixture(t, a))
	})
}

// runAlone makes a case that claims: it runs alone, and leaves no message behind.
func runAlone(t *testing.T, a Adapter, name string, fn func(f *fixture)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		f := newFixture(t, a)
		f.Ctx = context.WithoutCancel(f.Ctx) // for the cleanup
		t.Cleanup(func() {
			for ws, people := range f.people {
				for chunk := range slices.Chunk(people, engage.MaxBatch) {
					f.InOf(ws, func(ctx context.Context) error {
						_, err := f.Messages.Forget(ctx, ws, chunk)
						return err
					})
				}
			}
		})
		fn(f)
	})
}

// message is a new plan of a key, due at start.
func (f *fixture) message(key string) messaging.Message {
	return messaging.Message{
		ID: messaging.MessageID(f.IDs.NewID()), Key: key, ContactID: contacts.ID(f.IDs.NewID()), TemplateID: messaging.TemplateID(f.IDs.NewID()),
		Class: messaging.Marketing, Data: attribute.Object(nil), State: messaging.Planned, DueAt: start, PlannedAt: start,
	}
}

// template is a new template.
func (f *fixture) template() messaging.SavedTemplate {
	return messaging.SavedTemplate{
		ID: messaging.TemplateID(f.IDs.NewID()), Name: "Welcome", From: messaging.Address{Email: "news@acme.test"},
		Content: messaging.Template{Subject: "Hello", Text: "Hello!"}, CreatedAt: start, UpdatedAt: start, Version: 1,
	}
}

// across runs fn in a transaction of the database.
func (f *fixture) across(fn func(ctx context.Context) error) {
	f.T.Helper()
	if err := f.Tx.InShard(f.Ctx, f.shard(), fn); err != nil {
		f.T.Fatalf("the transaction failed: %v", err)
	}
}

func (f *fixture) shard() engage.Shard {
	f.T.Helper()
	shards, err := f.Tx.Shards(f.Ctx)
	f.No(err)
	if len(shards) != 1 {
		f.T.Fatalf("the suite wants one database, got %v", shards)
	}
	return shards[0]
}

// plan stores messages of the fixture's workspace.
func (f *fixture) plan(all ...messaging.Message) []bool {
	f.T.Helper()
	return f.planOf(f.WS, all...)
}

func (f *fixture) planOf(ws engage.WorkspaceID, all ...messaging.Message) (isNew []bool) {
	f.T.Helper()
	for _, m := range all {
		f.people[ws] = append(f.people[ws], m.ContactID)
	}
	f.InOf(ws, func(ctx context.Context) (err error) {
		isNew, err = f.Messages.Plan(ctx, ws, all)
		return err
	})
	return isNew
}

func (f *fixture) get(ids ...messaging.MessageID) []messaging.Message {
	f.T.Helper()
	found, err := f.Messages.Get(f.Ctx, f.WS, ids)
	f.No(err)
	return found
}

// Dump is everything that the ports answer of a workspace about some contacts, as
// JSON lines. Two adapters that were told the same have equal dumps.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID, people ...contacts.ID) string {
	t.Helper()
	out := porttest.NewDump(t)
	for template, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[messaging.SavedTemplate], error) {
		return a.Templates.List(ctx, ws, page)
	}) {
		out.Add("template", template, err)
	}
	for _, contact := range people {
		for message, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[messaging.Message], error) {
			return a.Messages.OfContact(ctx, ws, contact, page)
		}) {
			out.Add("message", message, err)
		}
	}
	return out.String()
}

// hostile are values that databases confuse: case, outer space, accents in two
// spellings, letters with special folds, 4-byte characters, wildcards and quotes.
func hostile() []string {
	return []string{
		"alice", "Alice", "ALICE", "alice ", " alice", "al ice", "ålice", "a\u030alice", "alıce", "alİce", "straße", "strasse",
		"😀", "😁", "𝕬", "%", "_", "al_ce", `\`, `\\`, `'`, `''`, `"`, "?", "?0", "$1", "--", "null", "0", "00", "1e0", "\u200balice",
	}
}
