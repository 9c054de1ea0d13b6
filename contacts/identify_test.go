package contacts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

func TestIdentify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does string
		test func(b *testBundle)
	}{
		{"makes an anonymous contact of a device", func(b *testBundle) {
			got := b.identify(device("phone"))
			b.same(got.Created, true)
			b.same(got.Contact.State, contacts.Anonymous)
			b.same(got.Contact, b.get(got.Contact.ID))
			b.same(got.Contact.CreatedAt, start)
			b.tells(`contacts.contact.created.v1 {"contact_id":"` + got.Contact.ID.String() + `","state":"anonymous","identities":[{"kind":"anonymous_id","value":"phone"}]}`)
		}},
		{"makes an identified contact of a strong identity of any kind", func(b *testBundle) {
			for _, i := range []contacts.Identity{user("1"), email("a@acme.test"), {Kind: contacts.Phone, Value: "+33612345678"}, {Kind: contacts.Custom("crm"), Value: "7"}} {
				b.same(b.identify(i).Contact.State, contacts.Identified)
			}
		}},
		{"finds the contact of an identity and changes nothing when it knows it all", func(b *testBundle) {
			first := b.identify(user("1"), email("a@acme.test"))
			b.published()
			b.clock.Advance(time.Hour)
			for _, i := range []contacts.Identity{user("1"), email("A@ACME.test ")} {
				again := b.identify(i)
				b.same(again, contacts.Identification{Contact: first.Contact})
			}
			b.tells()
		}},
		{"records who acted and when", func(b *testBundle) {
			ada, bob := engage.Actor{Type: "user", ID: "ada"}, engage.Actor{Type: "api_key", ID: "bob"}
			b.ctx = engage.WithActor(b.ctx, ada)
			id := b.contact("1").ID
			b.ctx = engage.WithActor(b.ctx, bob)
			b.clock.Advance(time.Minute)
			b.identify(user("1"), email("a@acme.test"))
			got := b.get(id)
			b.same([]engage.Actor{got.CreatedBy, got.UpdatedBy}, []engage.Actor{ada, bob})
			b.same([]time.Time{got.CreatedAt, got.UpdatedAt}, []time.Time{start, start.Add(time.Minute)})
			b.same(got.Version, engage.Version(2))
		}},
		{"promotes an anonymous contact, whose id stays", func(b *testBundle) {
			id := b.identify(device("phone")).Contact.ID
			b.published()
			got := b.identify(device("phone"), user("1"))
			b.same(got.Contact.ID, id)
			b.same(got.Contact.State, contacts.Identified)
			b.same(keys(got.Contact), []string{"user_id:1", "anonymous_id:phone"})
			b.tells(`contacts.contact.identified.v1 {"contact_id":"` + id.String() + `","added":[{"kind":"user_id","value":"1"}],"identified":true}`)
		}},
		{"absorbs an anonymous contact with its attributes, tags, memberships and history", func(b *testBundle) {
			known := b.identifyAll(contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: attribute.Set{"plan": attribute.String("pro")}})[0].Contact
			seen := b.identifyAll(contacts.Profile{
				Identities: []contacts.Identity{device("phone")}, Locale: "fr", TimeZone: "Europe/Paris",
				Attributes: attribute.Set{"plan": attribute.String("trial"), "source": attribute.String("ad")},
			})[0].Contact
			tag, err := b.service.CreateTag(b.ctx, b.ws, "VIP")
			b.no(err)
			list, err := b.service.CreateList(b.ctx, b.ws, "News", contacts.Public)
			b.no(err)
			_, err = b.service.AddTag(b.ctx, b.ws, tag.ID, seen.ID)
			b.no(err)
			_, err = b.service.SetMemberships(b.ctx, b.ws, contacts.Membership{ListID: list.ID, ContactID: seen.ID, State: contacts.Subscribed})
			b.no(err)
			b.published()

			got := b.identify(user("1"), device("phone"))
			b.same(got.Created, false)
			b.same(got.Absorbed, []contacts.ID{seen.ID})
			b.same(got.Contact.ID, known.ID)
			b.same(string(got.Contact.Attributes.JSON()), `{"plan":"pro","source":"ad"}`)
			b.same([]string{got.Contact.Locale, got.Contact.TimeZone}, []string{"fr", "Europe/Paris"})
			b.same(b.get(known.ID), got.Contact)
			b.same(b.get(seen.ID), got.Contact) // the old id leads to it
			taggings, err := b.service.TagsOf(b.ctx, b.ws, known.ID, seen.ID)
			b.no(err)
			b.same(taggings, []contacts.Tagging{{ContactID: known.ID, TagID: tag.ID, At: start}})
			memberships, err := b.service.MembershipsOf(b.ctx, b.ws, known.ID, seen.ID)
			b.no(err)
			b.same(memberships, []contacts.Membership{{ListID: list.ID, ContactID: known.ID, State: contacts.Subscribed, At: start}})
			history, err := b.service.History(b.ctx, b.ws, seen.ID)
			b.no(err)
			b.same(history, []contacts.ID{known.ID, seen.ID})
			b.tells(
				`contacts.contact.identified.v1 {"contact_id":"`+known.ID.String()+`","added":[{"kind":"anonymous_id","value":"phone"}],"identified":false}`,
				`contacts.contact.updated.v1 {"contact_id":"`+known.ID.String()+`","changes":[{"key":"source","to":"ad"}]}`,
				`contacts.contact.merged.v1 {"absorbed":"`+seen.ID.String()+`","survivor":"`+known.ID.String()+`"}`,
			)
		}},
		{"has one anonymous contact absorb another", func(b *testBundle) {
			one, two := b.identify(device("a")).Contact, b.identify(device("b")).Contact
			got := b.identify(device("b"), device("a"))
			b.same(got.Contact.ID, one.ID)
			b.same(got.Absorbed, []contacts.ID{two.ID})
			b.same(got.Contact.State, contacts.Anonymous)
		}},
		{"points contacts that were absorbed before at the last survivor", func(b *testBundle) {
			a, c := b.identify(device("a")).Contact, b.identify(device("b")).Contact
			b.identify(device("a"), device("b"))
			known := b.contact("1")
			b.identify(user("1"), device("a"))
			for _, id := range []contacts.ID{a.ID, c.ID} {
				b.same(b.get(id).ID, known.ID)
				stored, err := b.deps.Contacts.Get(b.ctx, b.ws, []contacts.ID{id})
				b.no(err)
				b.same(stored[0].MergedInto, known.ID)
			}
			history, err := b.service.History(b.ctx, b.ws, known.ID)
			b.no(err)
			b.same(history, []contacts.ID{known.ID, a.ID, c.ID})
		}},
		{"answers another person's identities as conflicts and leaves them", func(b *testBundle) {
			ana, bea := b.identify(user("ana"), email("ana@acme.test")), b.identify(user("bea"), email("bea@acme.test"))
			b.published()
			got := b.identify(user("ana"), email("bea@acme.test"))
			b.same(got.Contact, ana.Contact)
			b.same(got.Conflicts, []contacts.IdentityKey{{Kind: contacts.Email, Value: "bea@acme.test"}})
			b.same(b.get(bea.Contact.ID), bea.Contact)
			b.tells()
		}},
		{"makes two persons of two user ids on a shared device", func(b *testBundle) {
			ana := b.identify(user("ana"), device("kiosk"))
			bea := b.identify(user("bea"), device("kiosk"))
			b.same(bea.Created, true)
			b.same(bea.Conflicts, []contacts.IdentityKey{{Kind: contacts.AnonymousID, Value: "kiosk"}})
			b.same(keys(b.get(ana.Contact.ID)), []string{"user_id:ana", "anonymous_id:kiosk"})
			b.same(keys(b.get(bea.Contact.ID)), []string{"user_id:bea"})
		}},
		{"gives a user id to a person known by email", func(b *testBundle) {
			known := b.identify(email("ana@acme.test"))
			got := b.identify(user("ana"), email("ana@acme.test"))
			b.same(got.Contact.ID, known.Contact.ID)
		}},
		{"goes by the strongest identity", func(b *testBundle) {
			byEmail := b.identify(email("ana@acme.test")).Contact
			byPhone := b.identify(contacts.Identity{Kind: contacts.Phone, Value: "+33612345678"}).Contact
			got := b.identify(contacts.Identity{Kind: contacts.Phone, Value: "+33612345678"}, email("ana@acme.test"))
			b.same(got.Contact.ID, byEmail.ID)
			b.same(got.Conflicts, []contacts.IdentityKey{{Kind: contacts.Phone, Value: "+33612345678"}})
			b.same(keys(b.get(byPhone.ID)), []string{"phone:+33612345678"})
		}},
		{"lets later profiles of a call build on earlier ones", func(b *testBundle) {
			got := b.identifyAll(
				profile(device("a")), profile(user("1")), profile(user("1"), device("a")), // a new contact absorbs a new one
				profile(device("b")), profile(device("b"), email("b@acme.test")), // a new one is promoted
				profile(email("b@acme.test"), user("1")), // and is somebody else then
			)
			b.same([]bool{got[0].Created, got[1].Created, got[2].Created, got[3].Created, got[4].Created}, []bool{true, true, false, true, false})
			b.same(got[0].Contact.ID, got[1].Contact.ID) // what became of it by the end of the call
			b.same(got[2].Contact.ID, got[1].Contact.ID)
			b.same(len(got[2].Absorbed), 1)
			b.same(b.get(got[2].Absorbed[0]), got[1].Contact)
			b.same(got[3].Contact.ID, got[4].Contact.ID)
			b.same(got[5].Contact.ID, got[1].Contact.ID)
			b.same(got[5].Conflicts, []contacts.IdentityKey{{Kind: contacts.Email, Value: "b@acme.test"}})
			b.tells("contacts.contact.created.v1 *", "contacts.contact.created.v1 *", "contacts.contact.created.v1 *", "contacts.contact.merged.v1 *")
		}},
		{"follows chains of merges within a call", func(b *testBundle) {
			var single []contacts.Profile
			for i := range 5 {
				single = append(single, profile(device(fmt.Sprint(i))))
			}
			made := b.identifyAll(single...)
			known := b.contact("1")
			b.published()
			got := b.identifyAll(
				profile(device("3"), device("4")), profile(device("2"), device("3")), profile(device("1"), device("2")),
				profile(device("0"), device("1")), profile(user("1"), device("0")),
			)
			for _, one := range got {
				b.same(one.Contact.ID, known.ID)
			}
			for _, one := range made {
				stored, err := b.deps.Contacts.Get(b.ctx, b.ws, []contacts.ID{one.Contact.ID})
				b.no(err)
				b.same(stored[0].MergedInto, known.ID)
			}
			merged := 0
			for _, e := range b.published() {
				if strings.HasPrefix(e, "contacts.contact.merged.v1") && strings.Contains(e, `"survivor":"`+known.ID.String()) {
					merged++
				}
			}
			b.same(merged, 5)
		}},
		{"tells the first old and the last new value of an attribute", func(b *testBundle) {
			set := func(value attribute.Value) contacts.Profile {
				return contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: attribute.Set{"n": value}}
			}
			b.identifyAll(set(attribute.Integer(1)))
			b.published()
			b.identifyAll(set(attribute.Integer(2)), set(attribute.Integer(3)))
			b.tells(`contacts.contact.updated.v1 *"changes":[{"key":"n","from":1,"to":3}]}`)
			b.identifyAll(set(attribute.Integer(4)), set(attribute.Integer(3)))
			b.tells()
			b.identifyAll(set(attribute.Null))
			b.tells(`contacts.contact.updated.v1 *"changes":[{"key":"n","from":3}]}`)
		}},
		{"keeps what an absent attribute was, and unsets null", func(b *testBundle) {
			p := contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: attribute.Set{"a": attribute.Integer(1), "b": attribute.Integer(2)}}
			b.identifyAll(p)
			p.Attributes = attribute.Set{"b": attribute.Null, "c": attribute.Null}
			b.same(string(b.identifyAll(p)[0].Contact.Attributes.JSON()), `{"a":1}`)
		}},
		{"leaves rejected attributes out, lists them and keeps the others", func(b *testBundle) {
			b.no(b.service.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "age", Type: attribute.TypeInteger}))
			got := b.identifyAll(contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: attribute.Set{
				"age": attribute.String("old"), "plan": attribute.String("pro"), "": attribute.Integer(1), "a\x00": attribute.Integer(1),
				strings.Repeat("k", attribute.MaxKeyBytes+1): attribute.Integer(1), "large": attribute.String(strings.Repeat("x", attribute.MaxValueBytes)),
			}})[0]
			var paths []string
			for _, f := range got.Rejected {
				paths = append(paths, f.Path+" "+f.Code)
			}
			b.same(paths, []string{
				"attributes. required", "attributes.a\x00 invalid", "attributes.age wrong_type",
				"attributes." + strings.Repeat("k", attribute.MaxKeyBytes+1) + " too_long", "attributes.large too_long",
			})
			b.same(string(b.get(got.Contact.ID).Attributes.JSON()), `{"plan":"pro"}`)
		}},
		{"rejects undefined attributes where that is the policy", func(b *testBundle) {
			b.configure(contacts.Config{UnknownAttributes: attribute.RejectUnknown})
			got := b.identifyAll(contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: attribute.Set{"plan": attribute.String("pro")}})[0]
			b.same(got.Rejected[0].Path, "attributes.plan")
			b.same(got.Rejected[0].Code, "undefined")
		}},
		{"lists everything that is wrong, by index, and writes nothing", func(b *testBundle) {
			long := strings.Repeat("x", engage.MaxKeyBytes+1)
			_, err := b.service.Identify(b.ctx, b.ws,
				profile(user("good")), profile(), profile(user("")), profile(user("a\x00b")), profile(user("tab\t")), profile(user("\xff")), profile(user(long)),
				profile(email("nobody")), profile(contacts.Identity{Kind: contacts.Phone, Value: "0612345678"}), profile(contacts.Identity{Kind: "fax", Value: "1"}),
				profile(contacts.Identity{Kind: contacts.Custom("Upper"), Value: "1"}), profile(user("1"), user("2")),
				contacts.Profile{Identities: []contacts.Identity{user("1")}, Locale: "de\x00", TimeZone: "Mars/Olympus"},
				contacts.Profile{Identities: []contacts.Identity{user("1")}, TimeZone: "Local"},
				profile(make([]contacts.Identity, contacts.MaxIdentities+1)...),
			)
			b.code(err, engage.Invalid, "[1].identities", "[2].identities[0].value", "[3].identities[0].value", "[4].identities[0].value",
				"[5].identities[0].value", "[6].identities[0].value", "[7].identities[0].value", "[8].identities[0].value", "[9].identities[0].kind",
				"[10].identities[0].kind", "[11].identities", "[12].locale", "[12].time_zone", "[13].time_zone", "[14].identities")
			b.tells()
		}},
		{"normalises emails and phones and keeps how they were given", func(b *testBundle) {
			got := b.identify(email("\u00a0Ana@ACME.test "), contacts.Identity{Kind: contacts.Phone, Value: "+33 (0)6-12.34.56.78"})
			b.same(keys(got.Contact), []string{"email:ana@acme.test", "phone:+330612345678"})
			b.same(got.Contact.Identities[0].Display, "\u00a0Ana@ACME.test ")
		}},
		{"asks the host's parser for phone numbers", func(b *testBundle) {
			b.deps.Phones = french{}
			b.configure(contacts.Config{})
			got := b.identify(contacts.Identity{Kind: contacts.Phone, Value: "06 12 34 56 78"})
			b.same(keys(got.Contact), []string{"phone:+33612345678"})
			found, err := b.service.Find(b.ctx, b.ws, contacts.Phone, "06 12 34 56 78")
			b.no(err)
			b.same(found.ID, got.Contact.ID)
		}},
		{"keeps the newest devices of a contact that has too many", func(b *testBundle) {
			id := b.contact("1").ID
			for i := range contacts.MaxIdentities + 5 {
				b.clock.Advance(time.Second)
				b.identify(user("1"), device(fmt.Sprintf("d%03d", i)))
			}
			got := keys(b.get(id))
			b.same(len(got), contacts.MaxIdentities)
			b.same([]string{got[0], got[1], got[len(got)-1]}, []string{"user_id:1", "anonymous_id:d006", "anonymous_id:d104"})
			b.same(b.identify(device("d000")).Created, true)
			// A device that one profile of a call drops is nobody's to the next.
			all, err := b.service.Identify(b.ctx, b.ws,
				contacts.Profile{Identities: []contacts.Identity{user("1"), device("new")}},
				contacts.Profile{Identities: []contacts.Identity{device("d006")}})
			b.no(err)
			b.same([]bool{all[0].Created, all[1].Created}, []bool{false, true})
			b.same(keys(b.get(all[1].Contact.ID)), []string{"anonymous_id:d006"})
		}},
		{"rejects strong identities beyond the limit", func(b *testBundle) {
			var identities []contacts.Identity
			for i := range contacts.MaxIdentities - 1 {
				identities = append(identities, email(fmt.Sprintf("a%d@acme.test", i)))
			}
			b.identify(append(identities, user("1"))...)
			got := b.identify(user("1"), email("more@acme.test"))
			b.same(got.Rejected[0].Code, "too_many")
			b.same(len(got.Contact.Identities), contacts.MaxIdentities)
			_, err := b.service.Find(b.ctx, b.ws, contacts.Email, "more@acme.test")
			b.code(err, engage.NotFound)
		}},
		{"keeps a contact within its limits when it absorbs", func(b *testBundle) {
			large := func(keys ...string) attribute.Set {
				set := attribute.Set{}
				for _, key := range keys {
					set[key] = attribute.String(strings.Repeat("x", attribute.MaxValueBytes-2))
				}
				return set
			}
			b.identifyAll(
				contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: large("a", "b")},
				contacts.Profile{Identities: []contacts.Identity{device("d")}, Attributes: large("b", "c", "d")},
			)
			got := b.identify(user("1"), device("d"))
			b.same(got.Contact.Attributes.Keys(), []string{"a", "b", "c"})
			b.same(got.Rejected, []engage.FieldError(nil))
		}},
		{"tells the largest contact there may be", func(b *testBundle) {
			p := contacts.Profile{Attributes: attribute.Set{}}
			for i := range contacts.MaxIdentities {
				value := strings.Repeat(`"`, 250) + fmt.Sprintf("%03d", i)
				p.Identities = append(p.Identities, contacts.Identity{Kind: contacts.Custom(strings.Repeat("k", 240)), Value: value})
			}
			for _, key := range []string{"a", "b", "c"} {
				p.Attributes[key] = attribute.String(strings.Repeat("<", attribute.MaxValueBytes-2))
			}
			b.identifyAll(p)
			for key := range p.Attributes {
				p.Attributes[key] = attribute.String(strings.Repeat(">", attribute.MaxValueBytes-2))
			}
			b.same(b.identifyAll(p)[0].Rejected, []engage.FieldError(nil))
			b.tells("contacts.contact.created.v1 *", "contacts.contact.updated.v1 *", "contacts.contact.updated.v1 *", "contacts.contact.updated.v1 *")
		}},
		{"runs more than a batch in chunks", func(b *testBundle) {
			profiles := make([]contacts.Profile, 2*engage.MaxBatch+1)
			for i := range profiles {
				profiles[i] = profile(device(fmt.Sprint(i % 1500)))
			}
			got := b.identifyAll(profiles...)
			b.same(len(got), len(profiles))
			b.same(got[1500].Created, false)
			b.same(got[1500].Contact.ID, got[0].Contact.ID)
			b.same(len(b.published()), 1500)
		}},
		{"answers a PartialError when a later chunk fails", func(b *testBundle) {
			profiles := make([]contacts.Profile, engage.MaxBatch+1)
			for i := range profiles {
				profiles[i] = profile(device(fmt.Sprint(i)))
			}
			b.deps.Contacts = &failsAfter{Repository: b.deps.Contacts, calls: 1}
			b.configure(contacts.Config{})
			got, err := b.service.Identify(b.ctx, b.ws, profiles...)
			partial, ok := errors.AsType[*engage.PartialError](err)
			if !ok || partial.Done != engage.MaxBatch || len(got) != engage.MaxBatch || !errors.Is(err, engage.ErrUnavailable) {
				b.t.Fatalf("%d answers, error %v", len(got), err)
			}
			b.same(len(b.published()), engage.MaxBatch)
		}},
		{"merges more contacts than a batch in one chunk", func(b *testBundle) {
			var users, devices, both []contacts.Profile
			for i := range engage.MaxBatch {
				users = append(users, profile(user(fmt.Sprintf("%04d", i))))
				devices = append(devices, profile(device(fmt.Sprintf("%04d-a", i))), profile(device(fmt.Sprintf("%04d-b", i))))
				both = append(both, profile(user(fmt.Sprintf("%04d", i)), device(fmt.Sprintf("%04d-a", i)), device(fmt.Sprintf("%04d-b", i))))
			}
			made := b.identifyAll(users...)
			b.identifyAll(devices...)
			got := b.identifyAll(both...)
			for i := range got {
				b.same(got[i].Contact.ID, made[i].Contact.ID)
				b.same(len(got[i].Absorbed), 2)
			}
		}},
		{"has a new contact absorb one that was there", func(b *testBundle) {
			seen := b.identify(device("d")).Contact
			tag, err := b.service.CreateTag(b.ctx, b.ws, "VIP")
			b.no(err)
			_, err = b.service.AddTag(b.ctx, b.ws, tag.ID, seen.ID)
			b.no(err)
			got := b.identifyAll(profile(user("1")), profile(user("1"), device("d")))
			b.same(got[1].Absorbed, []contacts.ID{seen.ID})
			taggings, err := b.service.TagsOf(b.ctx, b.ws, got[0].Contact.ID)
			b.no(err)
			b.same(len(taggings), 1)
		}},
		{"looks again when another writer took an identity meanwhile", func(b *testBundle) {
			race := &takesFirst{Repository: b.deps.Contacts}
			b.deps.Contacts = race
			b.configure(contacts.Config{})
			got := b.identify(user("1"))
			b.same(got.Created, false)
			b.same(got.Contact.ID, race.winner.ID)
		}},
		{"joins the caller's transaction", func(b *testBundle) {
			undo := errors.New("undo")
			err := b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
				_, err := b.service.Identify(ctx, b.ws, profile(user("1")))
				return errors.Join(err, undo)
			})
			if !errors.Is(err, undo) {
				b.t.Fatal(err)
			}
			_, err = b.service.Find(b.ctx, b.ws, contacts.UserID, "1")
			b.code(err, engage.NotFound)
			b.tells()
		}},
		{"does not keep what the caller goes on to change", func(b *testBundle) {
			p := contacts.Profile{Identities: []contacts.Identity{user("1")}, Attributes: attribute.Set{"plan": attribute.String("pro")}}
			got := b.identifyAll(p)[0].Contact
			p.Identities[0].Value, p.Attributes["plan"] = "2", attribute.Null
			got.Attributes["plan"] = attribute.Null
			b.same(string(b.get(got.ID).Attributes.JSON()), `{"plan":"pro"}`)
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			c.test(setup(t))
		})
	}
}

// french knows one national form.
type french struct{}

func (french) ParsePhone(_ context.Context, _ engage.WorkspaceID, number string) (string, error) {
	digits := strings.ReplaceAll(number, " ", "")
	if national, ok := strings.CutPrefix(digits, "0"); ok {
		return "+33" + national, nil
	}
	return digits, nil
}

// failsAfter is a repository whose database goes away after some inserts.
type failsAfter struct {
	contacts.Repository
	calls int
}

func (r *failsAfter) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	if r.calls--; r.calls < 0 {
		return &engage.Error{Code: engage.Unavailable, Op: "test.Insert"}
	}
	return r.Repository.Insert(ctx, ws, all)
}

// takesFirst refuses the first insert, as a database does when another writer
// took the identity after the service had looked for it, and shows that writer's
// contact from then on.
type takesFirst struct {
	contacts.Repository
	winner contacts.Contact
	stands bool
}

func (r *takesFirst) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	if r.winner.ID.IsZero() {
		r.winner = all[0].Clone()
		return &engage.Error{Code: engage.AlreadyExists, Op: "test.Insert"}
	}
	return r.Repository.Insert(ctx, ws, all)
}

func (r *takesFirst) Owners(ctx context.Context, ws engage.WorkspaceID, keys []contacts.IdentityKey) (map[contacts.IdentityKey]contacts.ID, error) {
	if !r.stands && !r.winner.ID.IsZero() {
		r.stands = true
		if err := r.Repository.Insert(ctx, ws, []contacts.Contact{r.winner}); err != nil {
			return nil, err
		}
	}
	return r.Repository.Owners(ctx, ws, keys)
}
