package stack_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/pgxarrays"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/go-engage/engage/messaging"
)

// TestALifeOfThePlatformIsTheSameOnEachDatabase lives through everything that
// the tables of changes and calls know, with the workers at work in between, and
// compares all that is left after each of them with what is left in memory.
func TestALifeOfThePlatformIsTheSameOnEachDatabase(t *testing.T) {
	t.Parallel()
	want := life(t, inMemory(t))
	if diff := cmp.Diff(want, life(t, inMemory(t))); diff != "" {
		t.Fatalf("two lives in memory differ:\n%.6000s", diff)
	}
	all := strings.Join(want, "\n")
	for _, happened := range []string{
		`"State":"accepted"`, `"Reason":"no_address"`, `"Reason":"bad_content"`, `"Failure":"address_gone"`, `"State":"completed"`,
		`"State":"cancelled"`, `"State":"broken"`, "segments.segment.exited.v1", "contacts.contact.merged.v1", "contacts.contact.deleted.v1",
	} {
		if !strings.Contains(all, happened) {
			t.Errorf("the life never came to %s", happened)
		}
	}
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		got := life(t, setup(t, db, pgxarrays.Binder{}))
		for i := range want {
			if diff := cmp.Diff(strings.Split(want[i], "\n"), strings.Split(got[i], "\n")); diff != "" {
				t.Fatalf("chapter %d, -memory +%s:\n%.6000s", i, db.Name, diff)
			}
		}
	})
}

// life answers what there is after each change and each call of a script.
func life(t *testing.T, b *testBundle) (chapters []string) {
	t.Helper()
	b.collect(t)
	names := ordinals{}
	var dumped string // the last chapter's, which is told once
	tell := func(w *world, title string) {
		b.drain(t)
		now := names.in(b.dump(t, w.ws))
		// Time has the log pruned, so what was published is told at once.
		told := strings.SplitAfter(names.in(b.published(t, w.ws, &w.read)), "\n")
		slices.Sort(told)
		chapter := title + "\n" + strings.Join(told, "")
		if now != dumped {
			chapter += now
		}
		dumped = now
		chapters = append(chapters, chapter)
	}
	w := newWorld(t, b, 3, 2)
	tell(w, "a world")
	for _, c := range changes() {
		b.clock.Advance(c.between)
		if c.make != nil {
			must(t, b.Tx.InTx(t.Context(), w.ws, func(ctx context.Context) error { return c.make(ctx, w) }))
		}
		tell(w, c.name)
	}

	w = newWorld(t, b, 3, 3)
	tell(w, "another world")
	w.mishaps(t)
	tell(w, "mishaps")
	for _, c := range serviceCalls() {
		found, err := c.call(t.Context(), w.ws, w)
		tell(w, fmt.Sprintf("%s found %d: %s", c, found, engage.CodeOf(err)))
	}
	b.clock.Advance(30 * day)
	tell(w, "a month later")
	return chapters
}

// ordinals number ids in the order in which they are met: stores draw some for
// themselves, and not equally many.
type ordinals map[string]int

var anID = regexp.MustCompile(`[0-9a-hjkmnp-tv-z]{26}`)

func (o ordinals) in(text string) string {
	return anID.ReplaceAllStringFunc(text, func(id string) string {
		if o[id] == 0 {
			o[id] = len(o) + 1
		}
		return fmt.Sprint("#", o[id])
	})
}

// mishaps are messages that can't be sent, each for another reason, and people
// who turn out to be another's.
func (w *world) mishaps(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	bad := letter(0)
	bad.Content.Subject = "{{ data.missing.field }}"
	broken, err := w.Messaging.CreateTemplate(ctx, w.ws, bad)
	must(t, err)
	known, err := w.Contacts.Identify(ctx, w.ws,
		contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.Email, Value: "Gone@Acme.test"}}, Attributes: attribute.Set{"plan": attribute.String("free")}},
		contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.UserID, Value: "no address"}}})
	must(t, err)
	_, err = w.Messaging.Enqueue(ctx, w.ws,
		messaging.Send{Key: "gone", ContactID: known[0].Contact.ID, TemplateID: w.templates[0]},
		messaging.Send{Key: "no address", ContactID: known[1].Contact.ID, TemplateID: w.templates[0]},
		messaging.Send{Key: "no contact", ContactID: contacts.ID{1}, TemplateID: w.templates[0]},
		messaging.Send{Key: "no template", ContactID: w.survivor, TemplateID: messaging.TemplateID{1}},
		messaging.Send{Key: "bad content", ContactID: w.survivor, TemplateID: broken.ID, Class: messaging.Transactional},
		messaging.Send{Key: "later", ContactID: w.survivor, TemplateID: w.templates[0], At: w.clock.Now().Add(2 * day)})
	must(t, err)
}
