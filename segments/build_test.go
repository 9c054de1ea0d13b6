package segments_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
)

// many makes contacts, every second one on the plan "pro".
func (b *testBundle) many(n int) (all, pro []contacts.ID) {
	b.t.Helper()
	profiles := make([]contacts.Profile, n)
	for i := range profiles {
		profiles[i].Identities = []contacts.Identity{{Kind: contacts.UserID, Value: fmt.Sprint("u", i)}}
		if i%2 == 1 {
			profiles[i].Attributes = attribute.Set{"plan": attribute.String("pro")}
		}
	}
	identified, err := b.contacts.Identify(b.ctx, b.ws, profiles...)
	b.no(err)
	for i, one := range identified {
		all = append(all, one.Contact.ID)
		if i%2 == 1 {
			pro = append(pro, one.Contact.ID)
		}
	}
	return all, pro
}

func (b *testBundle) get(id segments.ID) segments.Segment {
	b.t.Helper()
	s, err := b.segments.Get(b.ctx, b.ws, id)
	b.no(err)
	return s
}

func (b *testBundle) refilter(id segments.ID, where filter.Node) segments.Segment {
	b.t.Helper()
	s, err := b.segments.Update(b.ctx, b.ws, id, func(s *segments.Segment) error {
		s.Filter = filter.New(where)
		return nil
	})
	b.no(err)
	return s
}

func TestABuild(t *testing.T) {
	t.Parallel()

	t.Run("judges the contacts that there are, and tells that it is a build", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, pro := b.many(1203) // three pages
		b.drain()
		id := b.segment(filter.Attr("plan").Is("pro"))
		if b.get(id).State != segments.Building {
			t.Fatal("a new segment is to be built")
		}
		b.drain()
		if s := b.get(id); s.State != segments.Active || s.Served != 1 || s.Revision != 1 {
			t.Fatalf("%+v", s)
		}
		b.requireMembers(id, pro...)
		if len(b.moves.all) != len(pro) || slices.ContainsFunc(b.moves.all, func(m move) bool { return !m.Rebuilt || !m.Entered }) {
			t.Fatalf("%d moves for %d members", len(b.moves.all), len(pro))
		}
	})

	t.Run("of a changed filter leaves readers with the former one until it is done", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		all, pro := b.many(700)
		id := b.segment(filter.Attr("plan").Is("pro"))
		b.drain()
		b.moves.all = nil
		b.refilter(id, filter.Attr("plan").IsUnset())
		b.requireMembers(id, pro...)
		seen := 0
		for n := 1; n > 0; {
			var err error
			n, err = b.log.Step(b.ctx)
			b.no(err)
			if b.get(id).State == segments.Building {
				seen++
				b.requireMembers(id, pro...)
			}
		}
		if seen == 0 {
			t.Fatal("the build was never seen halfway")
		}
		others := slices.DeleteFunc(slices.Clone(all), func(c contacts.ID) bool { return slices.Contains(pro, c) })
		b.requireMembers(id, others...)
		if len(b.moves.all) != len(all) || slices.ContainsFunc(b.moves.all, func(m move) bool {
			return !m.Rebuilt || m.Entered == slices.Contains(pro, m.Contact)
		}) {
			t.Fatalf("%d moves of %d contacts", len(b.moves.all), len(all))
		}
		rows := b.rows([]segments.ID{id}, all...)
		if slices.ContainsFunc(rows, func(m segments.Membership) bool { return m.Revision != 2 }) {
			t.Fatal("rows of the former revision were not purged")
		}
	})

	t.Run("that begins while a former revision is purged keeps what it judged", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		all, pro := b.many(2600) // a purge takes three steps, a build six
		id := b.segment(filter.Or(filter.Attr("plan").Is("pro"), filter.Attr("plan").IsUnset()))
		b.drain()
		b.refilter(id, filter.Attr("plan").IsUnset())
		for b.get(id).State == segments.Building {
			_, err := b.log.Step(b.ctx)
			b.no(err)
		}
		b.refilter(id, filter.Attr("plan").Is("pro"))
		b.drain()
		if members := b.of(id); len(members) != len(pro) {
			t.Fatalf("%d members, want %d", len(members), len(pro))
		}
		if rows := b.rows([]segments.ID{id}, all[:1000]...); len(rows) != 500 {
			t.Fatalf("%d rows of 500 members are left", len(rows))
		}
	})

	t.Run("misses nothing that happens meanwhile, and tells it once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		all, _ := b.many(1100)
		b.drain()
		id := b.segment(filter.Attr("late").Is(true))
		early, late := all[3], all[1050]
		step := func() { _, err := b.log.Step(b.ctx); b.no(err) }
		step()
		b.set(early, "late", attribute.Boolean(true))
		b.set(late, "late", attribute.Boolean(true))
		b.drain()
		b.requireMembers(id, early, late)
		if len(b.moves.all) != 2 {
			t.Fatalf("%+v", b.moves.all)
		}
	})

	t.Run("that means the same is not made again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(filter.Attr("plan").Is("pro"))
		b.drain()
		if s := b.refilter(id, filter.And(filter.Attr("plan").In("pro"))); s.State != segments.Active || s.Revision != 1 {
			t.Fatalf("%+v", s)
		}
	})

	t.Run("is overtaken by the next edit", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, pro := b.many(600)
		id := b.segment(filter.Attr("plan").IsUnset())
		b.refilter(id, filter.Attr("plan").Is("nothing"))
		b.refilter(id, filter.Attr("plan").Is("pro"))
		b.drain()
		b.requireMembers(id, pro...)
		if s := b.get(id); s.Revision != 3 || s.Served != 3 || s.State != segments.Active {
			t.Fatalf("%+v", s)
		}
	})
}

// rows answers what is stored of contacts in segments, in all revisions.
func (b *testBundle) rows(in []segments.ID, ids ...contacts.ID) (rows []segments.Membership) {
	b.t.Helper()
	b.no(b.store.InTx(b.ctx, b.ws, func(ctx context.Context) (err error) {
		rows, err = b.members.Lock(ctx, b.ws, in, ids)
		return err
	}))
	return rows
}

func TestSegmentsOfSegments(t *testing.T) {
	t.Parallel()

	t.Run("follow each other in one transition", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		pro := b.segment(filter.Attr("plan").Is("pro"))
		b.drain()
		rest := b.segment(filter.Negate(filter.Segment(pro.String())))
		keen := b.segment(filter.And(filter.Segment(pro.String()), filter.Event("signed_in")))
		b.drain()
		ana := b.contact("ana", nil)
		b.did(ana, "signed_in", 0)
		b.drain()
		b.requireMembers(rest, ana)
		b.moves.all = nil
		b.set(ana, "plan", attribute.String("pro"))
		b.drain()
		b.requireMembers(pro, ana)
		b.requireMembers(rest)
		b.requireMembers(keen, ana)
		if len(b.moves.all) != 3 {
			t.Fatalf("%+v", b.moves.all)
		}
	})

	t.Run("are built anew when the one below has another filter", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		below := b.segment(filter.Attr("plan").Is("pro"))
		above := b.segment(filter.Segment(below.String()))
		ana, bob := b.contact("ana", attribute.Set{"plan": attribute.String("pro")}), b.contact("bob", nil)
		b.drain()
		b.requireMembers(above, ana)
		b.refilter(below, filter.Attr("plan").IsUnset())
		b.drain()
		b.requireMembers(above, bob)
	})

	t.Run("are built when those below are, without a detour", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ana, bob := b.contact("ana", attribute.Set{"plan": attribute.String("pro")}), b.contact("bob", nil)
		below := b.segment(filter.Attr("plan").Is("pro"))
		rest := b.segment(filter.Negate(filter.Segment(below.String())))
		all := b.segment(filter.Or(filter.Segment(below.String()), filter.Segment(rest.String())))
		b.drain()
		b.requireMembers(below, ana)
		b.requireMembers(rest, bob)
		b.requireMembers(all, ana, bob)
		if len(b.moves.all) != 4 {
			t.Fatalf("%+v", b.moves.all)
		}
	})

	t.Run("are built although the one below breaks before it is", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		tag, err := b.contacts.CreateTag(b.ctx, b.ws, "VIP")
		b.no(err)
		ana := b.contact("ana", nil)
		b.many(600)
		b.drain()
		below := b.segment(filter.Tag(tag.ID.String()))
		above := b.segment(filter.And(filter.Negate(filter.Segment(below.String())), filter.Attr("plan").IsUnset()))
		b.no(b.contacts.DeleteTag(b.ctx, b.ws, tag.ID))
		b.drain()
		if s := b.get(below); s.State != segments.Broken {
			t.Fatalf("%+v", s)
		}
		if s := b.get(above); s.State != segments.Active || !slices.Contains(b.of(above), ana) {
			t.Fatalf("%+v", s)
		}
	})

	t.Run("refuse a circle, and each other's missing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		one := b.segment(filter.All{})
		two := b.segment(filter.Segment(one.String()))
		three := b.segment(filter.Negate(filter.Segment(two.String())))
		for _, id := range []segments.ID{one, two, three} {
			_, err := b.segments.Update(b.ctx, b.ws, one, func(s *segments.Segment) error {
				s.Filter = filter.New(filter.And(filter.Segment(id.String())))
				return nil
			})
			if fields := engage.FieldsOf(err); len(fields) != 1 || fields[0].Code != "cycle" || fields[0].Path != "filter/where/all/0/id" {
				t.Fatalf("%v %v", err, fields)
			}
		}
		_, err := b.segments.Create(b.ctx, b.ws, "x", filter.New(filter.Segment("seg_01jd3v9r8w0000000000000000")))
		if fields := engage.FieldsOf(err); len(fields) != 1 || fields[0].Code != "not_found" {
			t.Fatalf("%v %v", err, fields)
		}
	})
}

func TestABrokenSegment(t *testing.T) {
	t.Parallel()
	b := setup(t)
	tag, err := b.contacts.CreateTag(b.ctx, b.ws, "VIP")
	b.no(err)
	id := b.segment(filter.Or(filter.Tag(tag.ID.String()), filter.Event("signed_in").Within(days)))
	above := b.segment(filter.Segment(id.String()))
	ana, bob := b.contact("ana", nil), b.contact("bob", nil)
	_, err = b.contacts.AddTag(b.ctx, b.ws, tag.ID, ana)
	b.no(err)
	b.did(bob, "signed_in", 0)
	b.drain()
	b.requireMembers(id, ana, bob)
	b.moves.all = nil

	b.no(b.contacts.DeleteTag(b.ctx, b.ws, tag.ID))
	b.drain()
	if s := b.get(id); s.State != segments.Broken || !strings.Contains(s.Cause, tag.ID.String()) {
		t.Fatalf("%+v", s)
	}
	b.pass(2 * days) // its timer is silenced, not obeyed
	b.pass(2 * days)
	b.requireMembers(id, ana, bob)
	b.requireMembers(above, ana, bob)
	b.requireMoves()

	b.refilter(id, filter.Event("signed_in"))
	b.drain()
	b.requireMembers(id, bob)
	b.requireMembers(above, bob)

	b.no(b.segments.Delete(b.ctx, b.ws, id))
	b.drain()
	if s := b.get(above); s.State != segments.Broken {
		t.Fatalf("%+v", s)
	}
	b.requireMembers(above, bob)
	if rows := b.rows([]segments.ID{id}, ana, bob); rows != nil {
		t.Fatalf("%+v is left of a deleted segment", rows)
	}
	of, err := b.segments.Of(b.ctx, b.ws, ana, bob)
	b.no(err)
	if len(of) != 1 || of[0].SegmentID != above {
		t.Fatalf("%+v", of)
	}
}

func TestTheEndOfAContact(t *testing.T) {
	t.Parallel()

	t.Run("by merge gives its deeds to the survivor, who enters only where it was not", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		buyers := b.segment(filter.Event("bought").AtLeast(3))
		exactly := b.segment(filter.Event("bought").Exactly(3).Matching(filter.Prop("n").IsUnset()))
		visitors := b.segment(filter.Event("visited"))
		ana := b.contact("ana", nil)
		device, err := b.contacts.Identify(b.ctx, b.ws, contacts.Profile{Identities: []contacts.Identity{{Kind: contacts.AnonymousID, Value: "d"}}})
		b.no(err)
		anonymous := device[0].Contact.ID
		for _, id := range []contacts.ID{ana, anonymous} {
			b.did(id, "visited", 0)
			b.did(id, "bought", 0)
		}
		b.did(anonymous, "bought", 3*days)
		b.drain()
		b.requireMembers(visitors, ana, anonymous)
		b.moves.all = nil
		_, err = b.contacts.Identify(b.ctx, b.ws, contacts.Profile{Identities: []contacts.Identity{
			{Kind: contacts.UserID, Value: "ana"}, {Kind: contacts.AnonymousID, Value: "d"},
		}})
		b.no(err)
		b.drain()
		b.requireMembers(visitors, ana)
		b.requireMembers(buyers, ana)
		b.requireMembers(exactly, ana)
		slices.SortFunc(b.moves.all, func(x, y move) int { return x.Segment.Compare(y.Segment) })
		b.requireMoves(move{ana, buyers, true, false}, move{ana, exactly, true, false})

		b.did(anonymous, "bought", 0) // a late one, by the id of old
		b.drain()
		b.requireMembers(exactly)
		facts, err := b.facts.Get(b.ctx, b.ws, []contacts.ID{ana, anonymous}, []string{"bought"})
		b.no(err)
		if len(facts) != 1 || facts[0].Count != 4 || facts[0].ContactID != ana {
			t.Fatalf("%+v", facts)
		}
	})

	t.Run("by deletion leaves nothing, and is no exit", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(filter.Event("bought").Within(days))
		ana := b.contact("ana", nil)
		b.did(ana, "bought", 0)
		b.drain()
		b.requireMembers(id, ana)
		b.moves.all = nil
		b.no(b.contacts.Delete(b.ctx, b.ws, ana))
		b.drain()
		b.requireMembers(id)
		b.pass(2 * days)
		b.requireMoves()
		facts, err := b.facts.Get(b.ctx, b.ws, []contacts.ID{ana}, []string{"bought"})
		b.no(err)
		if rows := b.rows([]segments.ID{id}, ana); len(facts)+len(rows) > 0 {
			t.Fatalf("%+v %+v", facts, rows)
		}
	})
}

func TestADuplicateCountsOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.segment(filter.Event("bought").AtLeast(2))
	ana := b.contact("ana", nil)
	for range 3 {
		_, err := b.events.Append(b.ctx, b.ws, events.Input{MessageID: "m-1", ContactID: ana, Name: "bought"})
		b.no(err)
		b.drain()
	}
	b.requireMembers(id)
}

func TestATimeZone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.settings.of.TimeZone = "Europe/Paris"
	id := b.segment(filter.Event("visited").During(filter.ThisUnit(filter.Day).InZone(filter.ZoneContact)))
	ana := b.contact("ana", nil)
	b.did(ana, "visited", 14*hours) // 22:00 UTC, 23:00 in Paris, the next day in Tokyo
	b.drain()
	b.requireMembers(id)
	_, err := b.contacts.Update(b.ctx, b.ws, ana, func(c *contacts.Contact) error { c.TimeZone = "Asia/Tokyo"; return nil })
	b.no(err)
	b.drain()
	b.requireMembers(id, ana)
	b.pass(3*hours - time.Microsecond)
	b.requireMembers(id, ana)
	b.pass(time.Microsecond) // midnight in Tokyo
	b.requireMembers(id)
}

func TestFiltersAreCheckedAgainstTheWorkspace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.no(b.contacts.DefineAttributes(b.ctx, b.ws, attribute.Definition{Key: "age", Type: attribute.TypeInteger}))
	for path, where := range map[string]filter.Node{
		"filter/where/op":        filter.Attr("age").Contains("x"),
		"filter/where/id":        filter.Tag("vip"),
		"filter/where/all/0/id":  filter.And(filter.List("lst_01jd3v9r8w0000000000000000")),
		"filter/where/window/tz": filter.Event("x").During(filter.LastUnits(1, filter.Day).InZone("Mars/Olympus")),
		"filter/where/value":     filter.Attr("x").Compare(filter.OpEq, 1.5),
	} {
		_, err := b.segments.Create(b.ctx, b.ws, "x", filter.New(where))
		if fields := engage.FieldsOf(err); engage.CodeOf(err) != engage.Invalid || len(fields) != 1 || fields[0].Path != path {
			t.Errorf("%s: %v %v", path, err, fields)
		}
	}
	_, err := b.segments.Create(b.ctx, b.ws, "\x00", filter.Filter{})
	if fields := engage.FieldsOf(err); len(fields) < 2 {
		t.Errorf("%v", fields)
	}
}

func TestNewReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := segments.New(segments.Deps{}, segments.Config{})
	if fields := engage.FieldsOf(err); len(fields) != 10 {
		t.Fatalf("%d faults: %v", len(fields), fields)
	}
}

// Another workspace's ids answer ErrNotFound or nothing, whatever the method.
func TestTheServiceKeepsWorkspacesApart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.segment(filter.Attr("plan").Is("trial"))
	ana := b.contact("ana", attribute.Set{"plan": attribute.String("trial")})
	b.drain()
	b.requireMembers(id, ana)
	other := engage.WorkspaceID{7}
	values := map[reflect.Type]reflect.Value{
		reflect.TypeFor[context.Context]():               reflect.ValueOf(b.ctx),
		reflect.TypeFor[engage.WorkspaceID]():            reflect.ValueOf(other),
		reflect.TypeFor[segments.ID]():                   reflect.ValueOf(id),
		reflect.TypeFor[engage.PageRequest]():            reflect.ValueOf(engage.PageRequest{}),
		reflect.TypeFor[string]():                        reflect.ValueOf("x"),
		reflect.TypeFor[filter.Filter]():                 reflect.ValueOf(filter.New(filter.Segment(id.String()))),
		reflect.TypeFor[contacts.ID]():                   reflect.ValueOf(ana),
		reflect.TypeFor[func(*segments.Segment) error](): reflect.ValueOf(func(*segments.Segment) error { return nil }),
	}
	service := reflect.ValueOf(b.segments)
	called := 0
	for i := range service.NumMethod() {
		method := service.Type().Method(i)
		if method.Type.NumIn() < 3 || method.Type.In(2) != reflect.TypeFor[engage.WorkspaceID]() {
			continue
		}
		called++
		var in []reflect.Value
		for j := 1; j < method.Type.NumIn(); j++ {
			typ := method.Type.In(j)
			if method.Type.IsVariadic() && j == method.Type.NumIn()-1 {
				typ = typ.Elem()
			}
			value, known := values[typ]
			if !known {
				t.Fatalf("%s takes a %s", method.Name, typ)
			}
			in = append(in, value)
		}
		out := service.Method(i).Call(in)
		err, _ := out[len(out)-1].Interface().(error)
		switch code := engage.CodeOf(err); {
		case code == engage.NotFound, method.Name == "Create" && code == engage.Invalid:
		case err != nil:
			t.Errorf("%s: %v", method.Name, err)
		case !reflect.DeepEqual(out[0].Interface(), reflect.Zero(out[0].Type()).Interface()):
			t.Errorf("%s answers %v", method.Name, out[0])
		}
	}
	if called < 8 {
		t.Fatalf("%d methods serve a workspace", called)
	}
	b.requireMembers(id, ana)
}

// After anything at all, each segment has the members that a new one with its
// filter has, and every entry and exit was told, once.
func TestIncrementalEvaluationEqualsABuild(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		b := setup(t)
		tag, err := b.contacts.CreateTag(b.ctx, b.ws, "a")
		b.no(err)
		filters := []filter.Node{
			trialists,
			filter.Event("x").AtLeast(2).Within(3 * days),
			filter.Event("x").Never().During(filter.LastUnits(2, filter.Day)),
			filter.Or(filter.Tag(tag.ID.String()), filter.Event("y").Exactly(1).Matching(filter.Prop("n").AtLeast(2))),
			filter.Negate(filter.And(filter.Attr("plan").IsSet(), filter.Event("x").Ago(5*days, 2*days))),
		}
		var ids []segments.ID
		for _, where := range filters {
			ids = append(ids, b.segment(where))
		}
		filters = append(filters, filter.And(filter.Segment(ids[0].String()), filter.Negate(filter.Segment(ids[2].String()))))
		ids = append(ids, b.segment(filters[len(filters)-1]))
		people := map[string]contacts.ID{}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			name := rapid.SampledFrom([]string{"u1", "u2", "d1", "d2"}).Draw(rt, "who")
			kind := map[byte]contacts.IdentityKind{'u': contacts.UserID, 'd': contacts.AnonymousID}[name[0]]
			who := []contacts.Identity{{Kind: kind, Value: name}}
			identify := func(p contacts.Profile) {
				out, err := b.contacts.Identify(b.ctx, b.ws, p)
				b.no(err)
				people[name] = out[0].Contact.ID
			}
			switch rapid.IntRange(0, 8).Draw(rt, "step") {
			case 0:
				identify(contacts.Profile{Identities: who, Attributes: attribute.Set{
					"plan": rapid.SampledFrom([]attribute.Value{attribute.String("trial"), attribute.String("pro"), attribute.Null}).Draw(rt, "plan"),
				}})
			case 1: // may merge
				identify(contacts.Profile{Identities: append(who, contacts.Identity{Kind: contacts.AnonymousID, Value: "d1"})})
			case 2, 3, 4:
				if id, known := people[name]; known {
					_, err := b.events.Append(b.ctx, b.ws, events.Input{
						ContactID: id, Name: rapid.SampledFrom([]string{"signed_in", "x", "y"}).Draw(rt, "event"),
						OccurredAt: b.clock.Now().Add(-time.Duration(rapid.IntRange(-48, 200).Draw(rt, "ago")) * time.Hour),
						Properties: attribute.Object(attribute.Set{"n": attribute.Integer(int64(rapid.IntRange(0, 3).Draw(rt, "n")))}),
					})
					if engage.CodeOf(err) != engage.NotFound {
						b.no(err)
					}
				}
			case 5:
				if id, known := people[name]; known {
					_, err := b.contacts.AddTag(b.ctx, b.ws, tag.ID, id)
					if engage.CodeOf(err) != engage.NotFound {
						b.no(err)
					}
				}
			case 6:
				b.clock.Advance(time.Duration(rapid.IntRange(1, 60).Draw(rt, "hours")) * time.Hour)
				b.ring()
			case 7:
				b.drain()
			case 8:
				if id, known := people[name]; known && rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
					if err := b.contacts.Delete(b.ctx, b.ws, id); engage.CodeOf(err) != engage.NotFound {
						b.no(err)
					}
				}
			}
		}
		b.drain()
		b.ring()
		told := b.moves.all
		alive := map[contacts.ID]bool{}
		for c, err := range b.contacts.All(b.ctx, b.ws, contacts.Query{}) {
			b.no(err)
			alive[c.ID] = true
		}
		for i, id := range ids {
			fresh := b.segment(filters[i])
			b.drain()
			want := b.of(fresh)
			if got := b.of(id); !slices.Equal(got, want) {
				rt.Fatalf("%v: members %v, a build finds %v", filters[i], got, want)
			}
			inside := map[contacts.ID]bool{}
			for _, m := range told {
				if m.Segment != id {
					continue
				}
				if inside[m.Contact] == m.Entered {
					rt.Fatalf("%v: told twice of %v", filters[i], m)
				}
				inside[m.Contact] = m.Entered
			}
			for c, in := range inside {
				if alive[c] && in != slices.Contains(want, c) {
					rt.Fatalf("%v: %v was told %v last", filters[i], c, in)
				}
			}
		}
	})
}

func TestFactsAreCountedAnewFromEvents(t *testing.T) {
	t.Parallel()

	t.Run("whatever is recorded meanwhile", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(rt *rapid.T) {
			b := setup(t)
			id := b.segment(filter.Event("x").AtLeast(3))
			ana, bob := b.contact("ana", nil), b.contact("bob", nil)
			counts := map[contacts.ID]int{}
			record := func(n int) {
				inputs := make([]events.Input, n)
				for i := range inputs {
					who := rapid.SampledFrom([]contacts.ID{ana, bob}).Draw(rt, "who")
					counts[who]++
					// Random ids come before and behind what has been scanned.
					inputs[i] = events.Input{ContactID: who, Name: "x", MessageID: fmt.Sprint(rapid.Uint64().Draw(rt, "id"), " ", counts[ana]+counts[bob])}
				}
				_, err := b.events.Append(b.ctx, b.ws, inputs...)
				b.no(err)
			}
			record(rapid.IntRange(1, 600).Draw(rt, "before"))
			b.drain()
			b.no(b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
				return b.facts.Add(ctx, b.ws, []segments.Fact{{ContactID: ana, Event: "x", Count: 1000, FirstAt: start, LastAt: start}})
			}))
			b.no(b.segments.Rebuild(b.ctx, b.ws))
			for range rapid.IntRange(0, 12).Draw(rt, "steps") {
				if rapid.Bool().Draw(rt, "step") {
					_, err := b.log.Step(b.ctx)
					b.no(err)
				} else {
					record(rapid.IntRange(1, 20).Draw(rt, "n"))
				}
				if rapid.IntRange(0, 9).Draw(rt, "again") == 0 {
					b.no(b.segments.Rebuild(b.ctx, b.ws))
				}
			}
			b.drain()
			facts, err := b.facts.Get(b.ctx, b.ws, []contacts.ID{ana, bob}, []string{"x"})
			b.no(err)
			for _, f := range facts {
				if f.Count != counts[f.ContactID] {
					rt.Fatalf("%d counted, %d recorded", f.Count, counts[f.ContactID])
				}
			}
			var want []contacts.ID
			for _, who := range []contacts.ID{ana, bob} {
				if counts[who] >= 3 {
					want = append(want, who)
				}
			}
			b.requireMembers(id, want...)
			recount, err := b.facts.Recount(b.ctx, b.ws)
			b.no(err)
			if recount != (segments.Recount{}) {
				rt.Fatalf("it does not end: %+v", recount)
			}
		})
	})

	t.Run("and nobody exits on the way", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		id := b.segment(filter.Event("x").AtLeast(2))
		ana := b.contact("ana", nil)
		for range 3 {
			b.did(ana, "x", 0)
		}
		b.drain()
		b.requireMoves(move{ana, id, true, false})
		b.no(b.segments.Rebuild(b.ctx, b.ws))
		for n := 1; n > 0; {
			var err error
			b.did(ana, "x", 0)
			n, err = b.log.Step(b.ctx)
			b.no(err)
			b.requireMembers(id, ana)
			if len(b.moves.all) > 0 {
				t.Fatalf("%+v", b.moves.all)
			}
			if s := b.get(id); s.Revision == 2 && s.State == segments.Active {
				break
			}
		}
	})
}
