package contactstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

// hostile are values that databases confuse: case, outer space, accents in two
// spellings, letters with special folds, 4-byte characters, wildcards, quotes,
// and the longest one.
func hostile() []string {
	return []string{
		"alice", "Alice", "ALICE", "alice ", " alice", "al ice", "ålice", "a\u030alice", "alıce", "alİce", "straße", "strasse",
		"😀", "😁", "𝕬", "%", "_", "al_ce", `\`, `'`, `"`, "?", "$1", "--", "null", "0", "00", "1e0", "\u200balice",
		strings.Repeat("x", engage.MaxKeyBytes), strings.Repeat("x", engage.MaxKeyBytes-1) + "y", strings.Repeat("é", 127),
	}
}

func contactCases(t *testing.T, a Adapter) {
	run(t, a, "answers what was stored", func(f *fixture) {
		c := f.contact()
		c.Locale, c.TimeZone, c.State = "de-CH", "Europe/Zurich", contacts.Identified
		c.CreatedAt, c.UpdatedAt = start.Add(time.Microsecond), start.Add(999999*time.Microsecond)
		c.UpdatedBy = engage.Actor{Type: "api_key", ID: "key 😀"}
		c.Add(contacts.Identity{Kind: contacts.Email, Value: "ana@acme.test", Display: "Ana@Acme.test", AddedAt: start, VerifiedAt: start.Add(time.Microsecond)})
		c.Add(contacts.Identity{Kind: contacts.Custom("crm"), Value: "7 ", AddedAt: start})
		c.Attributes = attribute.Set{
			"plan": attribute.String("pro <&> \u2028 \\ \" 😀"), "n": attribute.Integer(1<<62 + 1), "yes": attribute.Boolean(true),
			"list": attribute.List(attribute.String("a"), attribute.Integer(-1)), "Plan": attribute.String(""),
			"nested": attribute.Object(attribute.Set{"b": attribute.Integer(2), "a": attribute.List()}),
			"big":    value(f, "12345678901234567890123456789.000000000000000000001"),
		}
		f.insert(c)
		f.Same(f.get(c.ID), []contacts.Contact{c})
	})
	run(t, a, "keeps instants to the microsecond, in UTC, before 1970 too", func(f *fixture) {
		for _, at := range []time.Time{start, time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(1, 2, 3, 4, 5, 6, 7000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)} {
			c := f.contact()
			c.CreatedAt, c.UpdatedAt = at, at
			f.insert(c)
			got := f.get(c.ID)[0]
			if !got.CreatedAt.Equal(at) || !got.UpdatedAt.Equal(at) || got.CreatedAt.Location() != time.UTC {
				f.T.Errorf("stored %v, got %v and %v", at, got.CreatedAt, got.UpdatedAt)
			}
		}
	})
	run(t, a, "answers contacts in the order asked, without the missing", func(f *fixture) {
		a, b, c := f.contact(), f.contact(), f.contact()
		f.insert(a, b, c)
		f.Same(f.get(c.ID, f.contactID(), a.ID, b.ID), []contacts.Contact{c, a, b})
	})
	run(t, a, "gives out copies", func(f *fixture) {
		c := f.contact()
		c.Attributes = attribute.Set{"plan": attribute.String("trial")}
		stored := c.Clone()
		f.insert(c)
		c.Identities[0].Value, c.Attributes["plan"] = "changed", attribute.String("changed")
		got := f.get(stored.ID)
		f.Same(got, []contacts.Contact{stored})
		got[0].Identities[0].Value, got[0].Attributes["plan"] = "changed", attribute.String("changed")
		f.Same(f.get(stored.ID), []contacts.Contact{stored})
	})
	run(t, a, "compares identities by their bytes", func(f *fixture) {
		want := map[contacts.IdentityKey]contacts.ID{}
		var all []contacts.Contact
		for _, kind := range []contacts.IdentityKind{contacts.UserID, contacts.AnonymousID} {
			for _, value := range hostile() {
				c := f.contact()
				c.Identities = []contacts.Identity{{Kind: kind, Value: value, AddedAt: start}}
				want[c.Identities[0].Key()] = c.ID
				all = append(all, c)
			}
		}
		f.insert(all...)
		keys := []contacts.IdentityKey{{Kind: contacts.Email, Value: "alice"}, {Kind: contacts.UserID, Value: "aLice"}, {Kind: contacts.UserID, Value: "alice  "}}
		for key := range want {
			keys = append(keys, key)
		}
		got, err := f.Contacts.Owners(f.Ctx, f.WS, keys)
		f.No(err)
		f.Same(got, want)
	})
	run(t, a, "refuses taken ids and identities by index, and stores none of the call", func(f *fixture) {
		old := f.contact()
		f.insert(old)
		before := Dump(f.Ctx, f.T, f.Adapter, f.WS)
		same, thief := f.contact(), f.contact()
		same.ID, thief.Identities = old.ID, old.Identities
		err := f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			return f.Contacts.Insert(ctx, f.WS, []contacts.Contact{f.contact(), same, thief})
		})
		f.Code(err, engage.AlreadyExists)
		f.Names(err, "[1].id")
		f.Names(err, "[2].identities")
		one, two := f.contact(), f.contact()
		two.Identities = one.Identities
		f.Code(f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			return f.Contacts.Insert(ctx, f.WS, []contacts.Contact{one, two})
		}), engage.AlreadyExists)
		f.Same(Dump(f.Ctx, f.T, f.Adapter, f.WS), before)
	})
	run(t, a, "updates what has the version that was read", func(f *fixture) {
		one, two := f.contact(), f.contact()
		f.insert(one, two)
		one.TimeZone, two.Attributes = "Asia/Kolkata", attribute.Set{"n": attribute.Integer(1)}
		one.Identities = nil
		f.In(func(ctx context.Context) error { return f.Contacts.Update(ctx, f.WS, []contacts.Contact{one, two}) })
		one.Version, two.Version = 2, 2
		f.Same(f.get(one.ID, two.ID), []contacts.Contact{one, two})

		stale := two
		stale.Version = 1
		err := f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			return f.Contacts.Update(ctx, f.WS, []contacts.Contact{one, stale})
		})
		f.Code(err, engage.Conflict)
		f.Names(err, "[1].version")
		ghost := f.contact()
		err = f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			return f.Contacts.Update(ctx, f.WS, []contacts.Contact{one, ghost})
		})
		f.Code(err, engage.NotFound)
		f.Names(err, "[1].id")
		f.Same(f.get(one.ID, two.ID, ghost.ID), []contacts.Contact{one, two})

		err = f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			return f.Contacts.Update(ctx, f.WS, []contacts.Contact{two, one, two})
		})
		f.Code(err, engage.Invalid)
		f.Names(err, "[2].id")
		f.Same(f.get(one.ID, two.ID), []contacts.Contact{one, two})
	})
	run(t, a, "updates every field", func(f *fixture) {
		survivor, c := f.contact(), f.contact()
		c.State, c.Attributes = contacts.Anonymous, attribute.Set{"plan": attribute.String("trial"), "gone": attribute.Boolean(true)}
		c.Add(contacts.Identity{Kind: contacts.AnonymousID, Value: "device", AddedAt: start})
		f.insert(survivor, c)
		c.State, c.Locale, c.TimeZone, c.MergedInto = contacts.Identified, "pt-BR", "America/Sao_Paulo", survivor.ID
		c.Attributes = attribute.Set{"plan": attribute.String("pro"), "new": attribute.List()}
		c.UpdatedAt, c.UpdatedBy = start.Add(time.Microsecond), engage.Actor{Type: "user", ID: "u-2"}
		c.Identities = []contacts.Identity{
			{Kind: contacts.Email, Value: "a@acme.test", Display: "A@acme.test", AddedAt: start, VerifiedAt: start},
			{Kind: contacts.AnonymousID, Value: "device", Display: "Device", AddedAt: start, VerifiedAt: start.Add(time.Microsecond)},
		}
		f.In(func(ctx context.Context) error { return f.Contacts.Update(ctx, f.WS, []contacts.Contact{c}) })
		c.Version = 2
		f.Same(f.get(c.ID), []contacts.Contact{c})
		absorbed, err := f.Contacts.Absorbed(f.Ctx, f.WS, []contacts.ID{survivor.ID})
		f.No(err)
		f.Same(absorbed, map[contacts.ID][]contacts.ID{survivor.ID: {c.ID}})
	})
	run(t, a, "has no effect when it refuses, even if the caller goes on", func(f *fixture) {
		one, two, three := f.contact(), f.contact(), f.contact()
		f.insert(one, two)
		before := Dump(f.Ctx, f.T, f.Adapter, f.WS)
		stale, thief, twin := two, one, f.contact()
		one.Locale, two.Locale, stale.Version = "fr", "fr", 7
		thief.Identities = two.Identities
		twin.Identities = two.Identities
		for name, refused := range map[string]func(ctx context.Context) error{
			"a stale version":             func(ctx context.Context) error { return f.Contacts.Update(ctx, f.WS, []contacts.Contact{one, stale}) },
			"an update of a missing one":  func(ctx context.Context) error { return f.Contacts.Update(ctx, f.WS, []contacts.Contact{one, three}) },
			"an update of a taken value":  func(ctx context.Context) error { return f.Contacts.Update(ctx, f.WS, []contacts.Contact{thief}) },
			"an insert of a taken value":  func(ctx context.Context) error { return f.Contacts.Insert(ctx, f.WS, []contacts.Contact{three, twin}) },
			"an insert of a taken id":     func(ctx context.Context) error { return f.Contacts.Insert(ctx, f.WS, []contacts.Contact{three, one}) },
			"an insert of one id doubled": func(ctx context.Context) error { return f.Contacts.Insert(ctx, f.WS, []contacts.Contact{three, three}) },
		} {
			// The transaction commits, or fails at its end; both leave no trace.
			_ = f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
				if err := refused(ctx); err == nil {
					f.T.Errorf("%s was not refused", name)
				}
				return nil
			})
			f.Same(Dump(f.Ctx, f.T, f.Adapter, f.WS), before)
		}
	})
	run(t, a, "moves identities between contacts of one update, and to nobody else's", func(f *fixture) {
		one, two, three := f.contact(), f.contact(), f.contact()
		f.insert(one, two, three)
		one.Identities, two.Identities = two.Identities, one.Identities
		f.In(func(ctx context.Context) error { return f.Contacts.Update(ctx, f.WS, []contacts.Contact{one, two}) })
		owners, err := f.Contacts.Owners(f.Ctx, f.WS, []contacts.IdentityKey{one.Identities[0].Key(), two.Identities[0].Key()})
		f.No(err)
		f.Same(owners, map[contacts.IdentityKey]contacts.ID{one.Identities[0].Key(): one.ID, two.Identities[0].Key(): two.ID})

		one.Version, one.Identities = 2, append(slices.Clone(one.Identities), three.Identities...)
		err = f.Tx.InTx(f.Ctx, f.WS, func(ctx context.Context) error {
			return f.Contacts.Update(ctx, f.WS, []contacts.Contact{one})
		})
		f.Code(err, engage.AlreadyExists)
		f.Names(err, "[0].identities")
	})
	run(t, a, "deletes contacts with their identities", func(f *fixture) {
		one, two := f.contact(), f.contact()
		f.insert(one, two)
		f.In(func(ctx context.Context) error {
			n, err := f.Contacts.Delete(ctx, f.WS, []contacts.ID{one.ID, f.contactID(), one.ID})
			if n != 1 {
				f.T.Errorf("deleted %d, want 1", n)
			}
			return err
		})
		f.Same(f.get(one.ID, two.ID), []contacts.Contact{two})
		owners, err := f.Contacts.Owners(f.Ctx, f.WS, []contacts.IdentityKey{one.Identities[0].Key()})
		f.No(err)
		f.Same(owners, map[contacts.IdentityKey]contacts.ID{})
		again := f.contact()
		again.Identities = one.Identities
		f.insert(again)
	})
	run(t, a, "knows who absorbed whom", func(f *fixture) {
		survivor, other := f.contact(), f.contact()
		var all []contacts.Contact
		var ids []contacts.ID
		for range 3 {
			c := f.contact()
			c.Identities, c.MergedInto = nil, survivor.ID
			all, ids = append(all, c), append(ids, c.ID)
		}
		f.insert(append(all, survivor, other)...)
		got, err := f.Contacts.Absorbed(f.Ctx, f.WS, []contacts.ID{other.ID, survivor.ID, survivor.ID})
		f.No(err)
		f.Same(got, map[contacts.ID][]contacts.ID{survivor.ID: ids})
		f.Same(f.get(ids[0])[0].MergedInto, survivor.ID)
		page, err := f.Contacts.List(f.Ctx, f.WS, contacts.Query{})
		f.No(err)
		f.Same(len(page.Items), 2)
	})
	run(t, a, "tells which contacts exist, absorbed ones too", func(f *fixture) {
		one, two := f.contact(), f.contact()
		two.Identities, two.MergedInto = nil, one.ID
		f.insert(one, two)
		got, err := f.Existing.Existing(f.Ctx, f.WS, []contacts.ID{f.contactID(), two.ID, one.ID})
		f.No(err)
		slices.SortFunc(got, contacts.ID.Compare)
		f.Same(got, []contacts.ID{one.ID, two.ID})
	})
	run(t, a, "reads in a transaction what it wrote there, and outside only after the commit", func(f *fixture) {
		c := f.contact()
		f.In(func(ctx context.Context) error {
			err := f.Contacts.Insert(ctx, f.WS, []contacts.Contact{c})
			inside, insideErr := f.Contacts.Get(ctx, f.WS, []contacts.ID{c.ID})
			outside, outsideErr := f.Contacts.Get(f.Ctx, f.WS, []contacts.ID{c.ID})
			f.Same(inside, []contacts.Contact{c})
			f.Same(outside, []contacts.Contact(nil))
			return errors.Join(err, insideErr, outsideErr)
		})
		f.Same(f.get(c.ID), []contacts.Contact{c})
	})
	run(t, a, "stores a whole batch", func(f *fixture) {
		all := make([]contacts.Contact, engage.MaxBatch)
		ids := make([]contacts.ID, len(all))
		for i := range all {
			all[i] = f.contact()
			ids[i] = all[i].ID
		}
		f.insert(all...)
		f.Same(f.get(ids...), all)
		for i := range all {
			all[i].Locale = "fr"
		}
		f.In(func(ctx context.Context) error { return f.Contacts.Update(ctx, f.WS, all) })
		f.Same(f.get(ids[999])[0].Version, engage.Version(2))
	})
}

func value(f *fixture, decimal string) attribute.Value {
	v, err := attribute.Decimal(decimal)
	f.No(err)
	return v
}

func pagingCases(t *testing.T, a Adapter) {
	for _, sort := range []contacts.SortKey{contacts.ByCreation, contacts.ByUpdate} {
		for _, descending := range []bool{false, true} {
			run(t, a, fmt.Sprintf("pages by %q, descending %t, ties and all", sort, descending), func(f *fixture) {
				pages(f, contacts.Query{Sort: sort, Descending: descending})
			})
		}
	}
	run(t, a, "neither repeats nor hides a contact when others come and go", func(f *fixture) {
		var all []contacts.Contact
		for range 20 {
			all = append(all, f.contact())
		}
		f.insert(all...)
		query := contacts.Query{PageRequest: engage.PageRequest{Limit: 5}}
		page, err := f.Contacts.List(f.Ctx, f.WS, query)
		f.No(err)
		f.In(func(ctx context.Context) error {
			_, err := f.Contacts.Delete(ctx, f.WS, []contacts.ID{all[0].ID, all[4].ID, all[6].ID})
			return err
		})
		f.insert(f.contact())
		query.After = page.Next
		page, err = f.Contacts.List(f.Ctx, f.WS, query)
		f.No(err)
		f.Same(page.Items, []contacts.Contact{all[5], all[7], all[8], all[9], all[10]})
	})
	run(t, a, "selects by state", func(f *fixture) {
		known, device := f.contact(), f.contact()
		device.State, device.Identities = contacts.Anonymous, nil
		f.insert(known, device)
		for state, want := range map[contacts.State]contacts.Contact{contacts.Identified: known, contacts.Anonymous: device} {
			page, err := f.Contacts.List(f.Ctx, f.WS, contacts.Query{State: state})
			f.No(err)
			f.Same(page.Items, []contacts.Contact{want})
		}
	})
	run(t, a, "refuses a cursor of another query, of another workspace and a damaged one", func(f *fixture) {
		f.insert(f.contact(), f.contact())
		query := contacts.Query{PageRequest: engage.PageRequest{Limit: 1}}
		page, err := f.Contacts.List(f.Ctx, f.WS, query)
		f.No(err)
		query.After = page.Next
		_, err = f.Contacts.List(f.Ctx, f.Other, query)
		f.Code(err, engage.Invalid)
		query.Sort = contacts.ByUpdate
		_, err = f.Contacts.List(f.Ctx, f.WS, query)
		f.Code(err, engage.Invalid)
		_, err = f.Contacts.List(f.Ctx, f.WS, contacts.Query{PageRequest: engage.PageRequest{After: "!"}})
		f.Code(err, engage.Invalid)
		_, err = f.Contacts.List(f.Ctx, f.WS, contacts.Query{PageRequest: engage.PageRequest{After: engage.SealCursor(contacts.Query{}.Binding(f.WS), []byte("short"))}})
		f.Code(err, engage.Invalid)
	})
	run(t, a, "has no next page behind the last contact", func(f *fixture) {
		f.insert(f.contact(), f.contact())
		page, err := f.Contacts.List(f.Ctx, f.WS, contacts.Query{PageRequest: engage.PageRequest{Limit: 2}})
		f.No(err)
		f.Same(page.Next, engage.Cursor(""))
	})
}

// pages lists 23 contacts, of which each three were updated at one instant, in
// pages of every size.
func pages(f *fixture, query contacts.Query) {
	var all []contacts.Contact
	for i := range 23 {
		c := f.contact()
		c.UpdatedAt = start.Add(-time.Duration(i/3) * time.Microsecond)
		all = append(all, c)
	}
	f.insert(all...)
	f.InOf(f.Other, func(ctx context.Context) error { return f.Contacts.Insert(ctx, f.Other, all) })
	slices.SortFunc(all, func(a, b contacts.Contact) int {
		order := a.ID.Compare(b.ID)
		if at := a.UpdatedAt.Compare(b.UpdatedAt); query.Sort == contacts.ByUpdate && at != 0 {
			order = at
		}
		if query.Descending {
			order = -order
		}
		return order
	})
	for size := 1; size <= 24; size++ {
		query.PageRequest = engage.PageRequest{Limit: size}
		var got []contacts.Contact
		for {
			page, err := f.Contacts.List(f.Ctx, f.WS, query)
			f.No(err)
			if len(page.Items) == 0 || len(page.Items) > size {
				f.T.Fatalf("a page of %d items, want 1 to %d", len(page.Items), size)
			}
			got = append(got, page.Items...)
			if query.After = page.Next; page.Next == "" {
				break
			}
		}
		f.Same(got, all)
	}
}

func attributeCases(t *testing.T, a Adapter) {
	run(t, a, "keeps definitions by object and key, ordered by the bytes of the key", func(f *fixture) {
		var want []attribute.Definition
		for _, key := range []string{"Plan", "plan", "plan ", "pläne", "😀"} {
			want = append(want, attribute.Definition{
				Object: contacts.ObjectType, Key: key, Label: "A " + key, Type: attribute.TypeEnum,
				Options: []string{"a", "A", "😀"}, CreatedAt: start, UpdatedAt: start,
			})
		}
		list := attribute.Definition{Object: "deal", Key: "tags", Type: attribute.TypeList, Element: attribute.TypeString, CreatedAt: start, UpdatedAt: start}
		f.In(func(ctx context.Context) error {
			return f.Attributes.Define(ctx, f.WS, append(slices.Clone(want), list))
		})
		got, err := f.Attributes.Definitions(f.Ctx, f.WS, contacts.ObjectType)
		f.No(err)
		f.Same(got, want)
		got, err = f.Attributes.Definitions(f.Ctx, f.WS, "deal")
		f.No(err)
		f.Same(got, []attribute.Definition{list})
	})
	run(t, a, "replaces a definition and keeps when it was made", func(f *fixture) {
		d := attribute.Definition{Object: contacts.ObjectType, Key: "plan", Type: attribute.TypeString, CreatedAt: start, UpdatedAt: start}
		f.In(func(ctx context.Context) error { return f.Attributes.Define(ctx, f.WS, []attribute.Definition{d}) })
		later := start.Add(time.Hour)
		d.Type, d.CreatedAt, d.UpdatedAt = attribute.TypeText, later, later
		f.In(func(ctx context.Context) error { return f.Attributes.Define(ctx, f.WS, []attribute.Definition{d}) })
		d.CreatedAt = start
		got, err := f.Attributes.Definitions(f.Ctx, f.WS, contacts.ObjectType)
		f.No(err)
		f.Same(got, []attribute.Definition{d})
		f.In(func(ctx context.Context) error {
			n, err := f.Attributes.Undefine(ctx, f.WS, contacts.ObjectType, []string{"plan", "Plan"})
			f.Same(n, 1)
			return err
		})
		got, err = f.Attributes.Definitions(f.Ctx, f.WS, contacts.ObjectType)
		f.No(err)
		f.Same(got, []attribute.Definition{})
	})
}
