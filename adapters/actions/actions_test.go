package actions_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/actions"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/memory/memmessaging"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/messaging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testBundle is the services that actions call, over one store in memory.
type testBundle struct {
	store    *memory.Store
	contacts *contacts.Service
	messages *messaging.Service
	ctx      context.Context
	ws       engage.WorkspaceID
}

// nobody sends no email: the tests look at what is planned.
type nobody struct{}

func (nobody) SendEmail(context.Context, engage.WorkspaceID, messaging.Email) (messaging.Receipt, error) {
	return messaging.Receipt{}, engage.ErrUnavailable
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	b.ctx = t.Context()
	return b
}

func open() (*testBundle, error) {
	store := memory.New(memory.Config{})
	rt := engage.Runtime{Tx: store, Events: store}
	people, err := contacts.New(contacts.Deps{
		Runtime: rt, Contacts: memcontacts.NewContacts(store), Schema: memcontacts.NewAttributes(store),
		Tags: memcontacts.NewTags(store), Taggings: memcontacts.NewTaggings(store),
		Lists: memcontacts.NewLists(store), Members: memcontacts.NewMembers(store),
	}, contacts.Config{})
	if err != nil {
		return nil, err
	}
	ledger := memmessaging.NewMessages(store)
	messages, err := messaging.New(messaging.Deps{
		Runtime: rt, Templates: memmessaging.NewTemplates(store), Messages: ledger, Due: ledger, Contacts: people, Email: nobody{},
	}, messaging.Config{})
	return &testBundle{store: store, contacts: people, messages: messages, ctx: context.Background(), ws: engage.WorkspaceID{1}}, err
}

func (b *testBundle) contact(t *testing.T, identities ...contacts.Identity) contacts.ID {
	t.Helper()
	made, err := b.contacts.Identify(b.ctx, b.ws, contacts.Profile{Identities: identities})
	if err != nil {
		t.Fatal(err)
	}
	return made[0].Contact.ID
}

func user(id string) contacts.Identity { return contacts.Identity{Kind: contacts.UserID, Value: id} }

// merged is a contact that another has absorbed, and that one.
func (b *testBundle) merged(t *testing.T) (absorbed, survivor contacts.ID) {
	t.Helper()
	device := contacts.Identity{Kind: contacts.AnonymousID, Value: "device"}
	absorbed, survivor = b.contact(t, device), b.contact(t, user("merged"))
	b.contact(t, user("merged"), device)
	return absorbed, survivor
}

// act runs an actor as the engine does, and answers the codes of its outcomes.
func (b *testBundle) act(t *testing.T, actor automation.Actor, requests ...automation.Request) []engage.Code {
	t.Helper()
	codes := make([]engage.Code, len(requests))
	err := b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
		for i, outcome := range actor.Act(ctx, b.ws, requests) {
			codes[i] = engage.CodeOf(outcome)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}

func request(key string, contact contacts.ID, params any) automation.Request {
	raw, err := json.Marshal(params)
	if err != nil {
		panic(err)
	}
	return automation.Request{Key: key, ContactID: contact, Params: raw}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		actor  automation.Actor
		params string
		fault  string // the path at fault; "": none, "-": one without a path
	}{
		{"a template", actions.SendEmail{}, `{"template_id":"` + messaging.TemplateID{1}.String() + `"}`, ""},
		{"the zero id", actions.SendEmail{}, `{"template_id":"tpl_00000000000000000000000000"}`, "-"},
		{"no template", actions.SendEmail{}, `{}`, "template_id"},
		{"nothing", actions.SendEmail{}, ``, "-"},
		{"a foreign id", actions.SendEmail{}, `{"template_id":"con_06ek4zc9q9vqz7g000000000ag"}`, "-"},
		{"an unknown class", actions.SendEmail{}, `{"template_id":"` + messaging.TemplateID{1}.String() + `","class":"spam"}`, "class"},
		{"a template and a class", actions.SendEmail{}, `{"template_id":"` + messaging.TemplateID{1}.String() + `","class":"transactional"}`, ""},
		{"an unknown field", actions.SendEmail{}, `{"template_id":"` + messaging.TemplateID{1}.String() + `","to":"x"}`, "-"},
		{"two documents", actions.SendEmail{}, `{"template_id":"` + messaging.TemplateID{1}.String() + `"}{}`, "-"},
		{"attributes", actions.SetAttributes{}, `{"attributes":{"plan":"pro","old":null}}`, ""},
		{"no attributes", actions.SetAttributes{}, `{"attributes":{}}`, "attributes"},
		{"an impossible key", actions.SetAttributes{}, `{"attributes":{"":1}}`, "attributes."},
		{"a tag", actions.AddTag{}, `{"tag_id":"` + contacts.TagID{1}.String() + `"}`, ""},
		{"no tag", actions.AddTag{}, `{}`, "tag_id"},
	} {
		t.Run(c.actor.Kind()+" of "+c.name, func(t *testing.T) {
			t.Parallel()
			err := c.actor.Check(json.RawMessage(c.params))
			switch fields := engage.FieldsOf(err); {
			case c.fault == "" && err != nil:
				t.Fatalf("unexpected error: %v", err)
			case c.fault != "" && engage.CodeOf(err) != engage.Invalid:
				t.Fatalf("want ErrInvalid, got %v", err)
			case c.fault != "" && c.fault != "-" && (len(fields) != 1 || fields[0].Path != c.fault):
				t.Fatalf("want a fault at %q, got %v", c.fault, fields)
			}
		})
	}
}

func TestSendEmail(t *testing.T) {
	t.Parallel()

	t.Run("plans one message a key, whatever is tried again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		one, two := b.contact(t, user("1")), b.contact(t, user("2"))
		marketing := actions.SendEmailParams{TemplateID: messaging.TemplateID{1}}
		receipt := actions.SendEmailParams{TemplateID: messaging.TemplateID{2}, Class: messaging.Transactional}
		requests := []automation.Request{request("a", one, marketing), request("b", two, receipt), request("c", one, receipt)}
		for range 2 {
			if got := b.act(t, actions.SendEmail{Messages: b.messages}, requests...); cmp.Diff([]engage.Code{"", "", ""}, got) != "" {
				t.Fatalf("outcomes %q", got)
			}
		}
		page, err := b.messages.MessagesOf(b.ctx, b.ws, one, engage.PageRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Items) != 2 || page.Items[0].Key != "a" || page.Items[0].Class != messaging.Marketing ||
			page.Items[1].Key != "c" || page.Items[1].Class != messaging.Transactional || page.Items[1].TemplateID != receipt.TemplateID {
			t.Fatalf("planned %+v", page.Items)
		}
	})

	t.Run("keeps faulty parameters to their request", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		one := b.contact(t, user("1"))
		got := b.act(t, actions.SendEmail{Messages: b.messages},
			request("a", one, map[string]string{}), request("b", one, actions.SendEmailParams{TemplateID: messaging.TemplateID{1}}))
		if diff := cmp.Diff([]engage.Code{engage.Invalid, ""}, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSetAttributes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.contacts.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "age", Type: attribute.TypeInteger}); err != nil {
		t.Fatal(err)
	}
	one, two := b.contact(t, user("1")), b.contact(t, user("2"))
	absorbed, survivor := b.merged(t)
	good := actions.SetAttributesParams{Attributes: attribute.Set{"plan": attribute.String("pro")}}
	bad := actions.SetAttributesParams{Attributes: attribute.Set{"plan": attribute.String("pro"), "age": attribute.String("old")}}
	got := b.act(t, actions.SetAttributes{Contacts: b.contacts},
		request("a", one, good), request("b", two, bad), request("c", absorbed, good), request("d", contacts.ID{9}, good), request("e", one, map[string]int{}))
	if diff := cmp.Diff([]engage.Code{"", engage.Invalid, "", engage.NotFound, engage.Invalid}, got); diff != "" {
		t.Fatal(diff)
	}
	for id, want := range map[contacts.ID]string{one: `{"plan":"pro"}`, two: `{}`, survivor: `{"plan":"pro"}`} {
		c, err := b.contacts.Get(b.ctx, b.ws, id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(c.Attributes.JSON())); diff != "" {
			t.Error(diff)
		}
	}
}

func TestAddTag(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tag, err := b.contacts.CreateTag(b.ctx, b.ws, "VIP")
	if err != nil {
		t.Fatal(err)
	}
	one := b.contact(t, user("1"))
	absorbed, survivor := b.merged(t)
	add, unknown := actions.AddTagParams{TagID: tag.ID}, actions.AddTagParams{TagID: contacts.TagID{9}}
	got := b.act(t, actions.AddTag{Contacts: b.contacts},
		request("a", one, add), request("b", one, add), request("c", absorbed, add), request("d", contacts.ID{9}, add), request("e", one, unknown))
	if diff := cmp.Diff([]engage.Code{"", "", "", engage.NotFound, engage.NotFound}, got); diff != "" {
		t.Fatal(diff)
	}
	tagged, err := b.contacts.TagsOf(b.ctx, b.ws, one, survivor)
	if err != nil {
		t.Fatal(err)
	}
	if len(tagged) != 2 {
		t.Fatalf("tagged %+v, want both", tagged)
	}
}

func TestActionsOfAnotherWorkspace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.contact(t, user("1"))
	tag, err := b.contacts.CreateTag(b.ctx, b.ws, "VIP")
	if err != nil {
		t.Fatal(err)
	}
	b.ws = engage.WorkspaceID{2}
	set := actions.SetAttributesParams{Attributes: attribute.Set{"plan": attribute.String("pro")}}
	for _, got := range [][]engage.Code{
		b.act(t, actions.SetAttributes{Contacts: b.contacts}, request("a", one, set)),
		b.act(t, actions.AddTag{Contacts: b.contacts}, request("a", one, actions.AddTagParams{TagID: tag.ID})),
	} {
		if diff := cmp.Diff([]engage.Code{engage.NotFound}, got); diff != "" {
			t.Error(diff)
		}
	}
}
