package contacts_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

func TestAContact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does string
		test func(b *testBundle)
	}{
		{"is updated by a function, on its newest version", func(b *testBundle) {
			made := b.identifyAll(contacts.Profile{
				Identities: []contacts.Identity{user("1"), email("old@acme.test")}, Attributes: attribute.Set{"a": attribute.Integer(1), "b": attribute.Integer(2)},
			})[0].Contact
			b.published()
			b.clock.Advance(time.Minute)
			b.ctx = engage.WithActor(b.ctx, engage.Actor{Type: "user", ID: "ada"})
			got, err := b.service.Update(b.ctx, b.ws, made.ID, func(c *contacts.Contact) error {
				c.Remove(contacts.IdentityKey{Kind: contacts.Email, Value: "old@acme.test"})
				c.Add(email("New@acme.test"))
				c.Attributes["a"] = attribute.Integer(3)
				delete(c.Attributes, "b")
				c.Locale, c.TimeZone = "de-CH", "Europe/Zurich"
				return nil
			})
			b.no(err)
			b.same(got, b.get(made.ID))
			b.same(keys(got), []string{"user_id:1", "email:new@acme.test"})
			b.same(got.Identities[1].Display, "New@acme.test")
			b.same(got.Identities[1].AddedAt, start.Add(time.Minute))
			b.same(string(got.Attributes.JSON()), `{"a":3}`)
			b.same([]any{got.Locale, got.TimeZone, got.Version, got.UpdatedBy.ID, got.CreatedAt, got.UpdatedAt},
				[]any{"de-CH", "Europe/Zurich", engage.Version(2), "ada", start, start.Add(time.Minute)})
			id := made.ID.String()
			b.tells(
				`contacts.contact.identified.v1 {"contact_id":"`+id+`","added":[{"kind":"email","value":"new@acme.test"}],"removed":[{"kind":"email","value":"old@acme.test"}],"identified":false}`,
				`contacts.contact.updated.v1 {"contact_id":"`+id+`","changes":[{"key":"a","from":1,"to":3},{"key":"b","from":2}]}`,
			)
		}},
		{"keeps its id, history and memberships when its email changes", func(b *testBundle) {
			c := b.identify(email("old@acme.test")).Contact
			list, err := b.service.CreateList(b.ctx, b.ws, "News", "")
			b.no(err)
			_, err = b.service.SetMemberships(b.ctx, b.ws, contacts.Membership{ListID: list.ID, ContactID: c.ID, State: contacts.Subscribed})
			b.no(err)
			_, err = b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Identities = []contacts.Identity{email("new@acme.test")}
				return nil
			})
			b.no(err)
			found, err := b.service.Find(b.ctx, b.ws, contacts.Email, "NEW@acme.test")
			b.no(err)
			b.same(found.ID, c.ID)
			memberships, err := b.service.MembershipsOf(b.ctx, b.ws, found.ID)
			b.no(err)
			b.same(len(memberships), 1)
		}},
		{"keeps what nobody may change", func(b *testBundle) {
			made := b.contact("1")
			got, err := b.service.Update(b.ctx, b.ws, made.ID, func(c *contacts.Contact) error {
				c.ID, c.MergedInto, c.Version, c.State = contacts.ID{9}, contacts.ID{8}, 77, contacts.Anonymous
				c.CreatedAt, c.CreatedBy = start.Add(-time.Hour), engage.Actor{Type: "user", ID: "mallory"}
				c.Locale = "fr"
				return nil
			})
			b.no(err)
			want := made
			want.Locale, want.Version = "fr", 2
			b.same(got, want)
		}},
		{"stays identified without its strong identities", func(b *testBundle) {
			c := b.identify(user("1"), device("d")).Contact
			got, err := b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Remove(contacts.IdentityKey{Kind: contacts.UserID, Value: "1"})
				return nil
			})
			b.no(err)
			b.same(got.State, contacts.Identified)
		}},
		{"becomes identified by an update, and says so", func(b *testBundle) {
			c := b.identify(device("d")).Contact
			b.published()
			got, err := b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Add(user("1"))
				return nil
			})
			b.no(err)
			b.same(got.State, contacts.Identified)
			b.tells(`contacts.contact.identified.v1 *"identified":true}`)
		}},
		{"tells that an identity was verified", func(b *testBundle) {
			c := b.identify(email("a@acme.test")).Contact
			b.published()
			got, err := b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Identities[0].VerifiedAt = start
				return nil
			})
			b.no(err)
			b.same(got.Identities[0].VerifiedAt, start)
			b.tells(`contacts.contact.updated.v1 {"contact_id":"` + c.ID.String() + `"}`)
		}},
		{"is not written when nothing differs", func(b *testBundle) {
			c := b.contact("1")
			b.published()
			b.clock.Advance(time.Hour)
			got, err := b.service.Update(b.ctx, b.ws, c.ID, func(*contacts.Contact) error { return nil })
			b.no(err)
			b.same(got, c)
			b.same(b.get(c.ID), c)
			b.tells()
		}},
		{"is not written when the function fails", func(b *testBundle) {
			c := b.contact("1")
			refusal := errors.New("outdated")
			_, err := b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Locale = "fr"
				return refusal
			})
			if !errors.Is(err, refusal) {
				b.t.Fatal(err)
			}
			b.same(b.get(c.ID), c)
		}},
		{"is refused with everything that is wrong", func(b *testBundle) {
			b.no(b.service.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "age", Type: attribute.TypeInteger}))
			c := b.contact("1")
			_, err := b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Attributes = attribute.Set{"age": attribute.String("old"), "ok": attribute.Integer(1)}
				c.Identities = append(c.Identities, email("nobody"))
				c.Locale, c.TimeZone = "not a locale", "Mars/Olympus"
				return nil
			})
			b.code(err, engage.Invalid, "attributes.age", "identities[1].value", "locale", "time_zone")
			_, err = b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				for i := range contacts.MaxIdentities {
					c.Add(device(fmt.Sprint(i)))
				}
				return nil
			})
			b.code(err, engage.Invalid, "identities")
			b.same(b.get(c.ID), c)
		}},
		{"is not held to a definition that is newer than its value", func(b *testBundle) {
			c := b.identifyAll(contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: attribute.Set{"age": attribute.String("old")}})[0].Contact
			b.no(b.service.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "age", Type: attribute.TypeInteger}))
			got, err := b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Locale = "fr"
				return nil
			})
			b.no(err)
			b.same(string(got.Attributes.JSON()), `{"age":"old"}`)
		}},
		{"leaves the caller's set of attributes alone", func(b *testBundle) {
			c := b.identifyAll(contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: attribute.Set{"old": attribute.Integer(1)}})[0].Contact
			mine := attribute.Set{"new": attribute.Integer(2)}
			_, err := b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Attributes = mine
				return nil
			})
			b.no(err)
			b.same(mine, attribute.Set{"new": attribute.Integer(2)})
		}},
		{"can't take another's identity by an update", func(b *testBundle) {
			b.contact("1")
			c := b.contact("2")
			_, err := b.service.Update(b.ctx, b.ws, c.ID, func(c *contacts.Contact) error {
				c.Add(user("1"))
				return nil
			})
			b.code(err, engage.AlreadyExists)
			b.same(b.get(c.ID), c)
		}},
		{"is deleted with those it absorbed, and its identities are free", func(b *testBundle) {
			seen, known := b.identify(device("d")).Contact, b.contact("1")
			b.identify(user("1"), device("d"))
			tag, err := b.service.CreateTag(b.ctx, b.ws, "VIP")
			b.no(err)
			_, err = b.service.AddTag(b.ctx, b.ws, tag.ID, known.ID)
			b.no(err)
			b.published()
			b.code(b.service.Delete(b.ctx, b.ws, seen.ID), engage.NotFound)
			b.no(b.service.Delete(b.ctx, b.ws, known.ID))
			b.tells(`contacts.contact.deleted.v1 {"contact_id":"` + known.ID.String() + `","absorbed":["` + seen.ID.String() + `"]}`)
			for _, id := range []contacts.ID{known.ID, seen.ID} {
				_, err := b.service.Get(b.ctx, b.ws, id)
				b.code(err, engage.NotFound)
				_, err = b.service.History(b.ctx, b.ws, id)
				b.code(err, engage.NotFound)
				b.code(b.service.Delete(b.ctx, b.ws, id), engage.NotFound)
			}
			taggings, err := b.service.TagsOf(b.ctx, b.ws, known.ID)
			b.no(err)
			b.same(len(taggings), 0)
			b.same(b.identify(user("1"), device("d")).Created, true)
		}},
		{"is deleted when it absorbed more than a batch", func(b *testBundle) {
			known := b.contact("1")
			for i := range 12 {
				var seen []contacts.Profile
				for j := range contacts.MaxIdentities - 1 {
					seen = append(seen, profile(device(fmt.Sprintf("%d-%d", i, j))))
				}
				b.identifyAll(seen...)
				met := []contacts.Identity{user("1")}
				for _, p := range seen {
					met = append(met, p.Identities...)
				}
				b.identify(met...)
			}
			history, err := b.service.History(b.ctx, b.ws, known.ID)
			b.no(err)
			b.same(len(history), 1+12*(contacts.MaxIdentities-1))
			b.published()
			b.no(b.service.Delete(b.ctx, b.ws, known.ID))
			b.tells(`contacts.contact.deleted.v1 *`, `contacts.contact.deleted.v1 *`)
			_, err = b.service.Get(b.ctx, b.ws, history[1])
			b.code(err, engage.NotFound)
		}},
		{"is found by any of its identities", func(b *testBundle) {
			c := b.identify(user("1"), email("a@acme.test"), device("d")).Contact
			for _, i := range c.Identities {
				found, err := b.service.Find(b.ctx, b.ws, i.Kind, i.Value)
				b.no(err)
				b.same(found, c)
			}
			_, err := b.service.Find(b.ctx, b.ws, contacts.UserID, "2")
			b.code(err, engage.NotFound)
			_, err = b.service.Find(b.ctx, b.ws, contacts.Email, "nobody")
			b.code(err, engage.Invalid, "identity.value")
		}},
		{"is answered among many, in the order of their ids' arguments", func(b *testBundle) {
			one, two := b.contact("1"), b.contact("2")
			got, err := b.service.GetAll(b.ctx, b.ws, []contacts.ID{two.ID, {9}, one.ID})
			b.no(err)
			b.same(got, []contacts.Contact{two, one})
			_, err = b.service.GetAll(b.ctx, b.ws, make([]contacts.ID, engage.MaxBatch+1))
			b.code(err, engage.Invalid)
		}},
		{"is whom the ids stand for that it absorbed, by the ids asked", func(b *testBundle) {
			b.contact("1")
			other, seen := b.contact("2"), b.identify(device("d")).Contact
			known := b.identify(user("1"), device("d")).Contact
			got, err := b.service.Standing(b.ctx, b.ws, []contacts.ID{seen.ID, other.ID, {9}, known.ID, seen.ID})
			b.no(err)
			b.same(got, map[contacts.ID]contacts.Contact{seen.ID: known, other.ID: other, known.ID: known})
			got, err = b.service.Standing(b.ctx, b.other, []contacts.ID{seen.ID})
			b.no(err)
			b.same(len(got), 0)
			all, err := b.service.GetAll(b.ctx, b.ws, []contacts.ID{seen.ID, other.ID, known.ID})
			b.no(err)
			b.same(all, []contacts.Contact{known, other, known})
		}},
		{"is listed by state and order, page by page", func(b *testBundle) {
			var want []contacts.ID
			for i := range 7 {
				b.clock.Advance(time.Second)
				want = append(want, b.contact(fmt.Sprint(i)).ID)
			}
			seen := b.identify(device("d")).Contact
			b.clock.Advance(time.Second)
			b.identify(user("3"), device("d2"))
			list := func(query contacts.Query) (ids []contacts.ID) {
				query.Limit = 2
				for {
					page, err := b.service.List(b.ctx, b.ws, query)
					b.no(err)
					for _, c := range page.Items {
						ids = append(ids, c.ID)
					}
					if query.After = page.Next; page.Next == "" {
						return ids
					}
				}
			}
			b.same(list(contacts.Query{State: contacts.Identified}), want)
			b.same(list(contacts.Query{State: contacts.Anonymous}), []contacts.ID{seen.ID})
			b.same(list(contacts.Query{State: contacts.Identified, Sort: contacts.ByUpdate, Descending: true}),
				[]contacts.ID{want[3], want[6], want[5], want[4], want[2], want[1], want[0]})
			var all []contacts.ID
			for c, err := range b.service.All(b.ctx, b.ws, contacts.Query{Descending: true, PageRequest: engage.PageRequest{Limit: 1}}) {
				b.no(err)
				if all = append(all, c.ID); len(all) == 2 {
					break
				}
			}
			b.same(all, []contacts.ID{seen.ID, want[6]})
			_, err := b.service.List(b.ctx, b.ws, contacts.Query{State: "ghost", Sort: "name", PageRequest: engage.PageRequest{Limit: -1}})
			b.code(err, engage.Invalid, "state", "sort", "limit")
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			c.test(setup(t))
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	t.Run("lists everything that is missing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := contacts.New(contacts.Deps{}, contacts.Config{UnknownAttributes: "maybe"})
		b.code(err, engage.Invalid, "runtime.tx", "runtime.events", "contacts", "schema", "tags", "lists", "unknown_attributes")
	})
}

func TestDefineAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does string
		test func(b *testBundle)
	}{
		{"declares, tells and replaces definitions", func(b *testBundle) {
			mine := []attribute.Definition{{Key: "plan", Type: attribute.TypeEnum, Options: []string{"free", "pro"}, Label: "Plan"}, {Key: "age", Type: attribute.TypeInteger}}
			b.no(b.service.DefineAttributes(b.ctx, b.ws, mine...))
			b.same(mine[0].Object, "") // the caller's stay as they are
			b.tells(`contacts.attribute.defined.v1 {"key":"plan","type":"enum"}`, `contacts.attribute.defined.v1 {"key":"age","type":"integer"}`)
			b.clock.Advance(time.Hour)
			b.no(b.service.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "age", Type: attribute.TypeDecimal}))
			got, err := b.service.Attributes(b.ctx, b.ws)
			b.no(err)
			b.same(got, []attribute.Definition{
				{Object: "contact", Key: "age", Type: attribute.TypeDecimal, CreatedAt: start, UpdatedAt: start.Add(time.Hour)},
				{Object: "contact", Key: "plan", Label: "Plan", Type: attribute.TypeEnum, Options: []string{"free", "pro"}, CreatedAt: start, UpdatedAt: start},
			})
		}},
		{"lists everything that is wrong, by index", func(b *testBundle) {
			err := b.service.DefineAttributes(b.ctx, b.ws,
				attribute.Definition{Key: "ok", Type: attribute.TypeString}, attribute.Definition{Type: "colour"}, attribute.Definition{Key: "ok", Type: attribute.TypeEnum},
				attribute.Definition{Key: "l", Type: attribute.TypeList, Element: attribute.TypeList, Label: "a\x00"},
				attribute.Definition{Key: "e", Type: attribute.TypeEnum, Options: []string{"a", "a", "\xff"}})
			b.code(err, engage.Invalid, "[1].key", "[1].type", "[2].options", "[2].key", "[3].element", "[3].label", "[4].options[1]", "[4].options[2]")
			b.tells()
		}},
		{"refuses more definitions than a workspace may have", func(b *testBundle) {
			many := make([]attribute.Definition, attribute.MaxDefinitions)
			for i := range many {
				many[i] = attribute.Definition{Key: fmt.Sprint(i), Type: attribute.TypeString}
			}
			b.no(b.service.DefineAttributes(b.ctx, b.ws, many...))
			b.no(b.service.DefineAttributes(b.ctx, b.ws, many[0]))
			b.code(b.service.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "one more", Type: attribute.TypeString}), engage.ResourceExhausted)
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			c.test(setup(t))
		})
	}
}
