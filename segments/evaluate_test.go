package segments

import (
	"fmt"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the rules of zones, wherever the tests run

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/segments/filter"
)

// person is a contact as tests of the evaluator describe one.
type person struct {
	zone       string
	attributes string // a JSON document
	did        []deed
	tags       []string
	lists      map[string]contacts.MembershipState
}

type deed struct {
	name       string
	at         time.Time
	properties string // a JSON document
}

// circumstances are the settings of a workspace and its attributes.
type circumstances struct {
	zone      string
	weekStart time.Weekday
	types     map[string]attribute.Type
}

func utc(text string) time.Time {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	panic(text)
}

func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" {
		return nil
	}
	return zone
}

// judged evaluates a filter as the service does: by facts first, and by the
// history when a condition asks for it.
func judged(t fatal, f filter.Filter, p person, c circumstances, now time.Time) verdict {
	if err := f.Validate(); err != nil {
		t.Fatalf("%v %v", err, engage.FieldsOf(err))
	}
	program, err := compile(f)
	if err != nil {
		t.Fatalf("%v", err)
	}
	s := &setting{now: now, workspace: time.UTC, weekStart: c.weekStart, zones: zoneOf, types: c.types}
	if zone := zoneOf(c.zone); zone != nil {
		s.workspace = zone
	}
	set, err := attribute.ParseSet([]byte(or(p.attributes, "{}")))
	if err != nil {
		t.Fatalf("%v", err)
	}
	sub := newSubject(s, contacts.Contact{ID: contacts.ID{1}, TimeZone: p.zone, Attributes: set})
	sub.facts, sub.tags, sub.lists = map[string]Fact{}, map[string]bool{}, p.lists
	for _, tag := range p.tags {
		sub.tags[tag] = true
	}
	for _, d := range p.did {
		fact := sub.facts[d.name]
		fact.add(Fact{Count: 1, FirstAt: d.at, LastAt: d.at})
		sub.facts[d.name] = fact
	}
	v := program.where.judge(sub)
	if len(sub.wants) == 0 {
		if v.unknown {
			t.Fatalf("unknown, and asks for nothing")
		}
		return v
	}
	since := now
	sub.history = map[string][]occurrence{}
	for _, w := range sub.wants {
		if w.since.Before(since) {
			since = w.since
		}
	}
	for _, d := range p.did {
		properties, err := attribute.Parse([]byte(or(d.properties, "{}")))
		if err != nil {
			t.Fatalf("%v", err)
		}
		if !d.at.Before(since) && slices.ContainsFunc(sub.wants, func(w want) bool { return w.event == d.name }) {
			sub.history[d.name] = append(sub.history[d.name], occurrence{at: d.at, properties: properties})
		}
	}
	v = program.where.judge(sub)
	if v.unknown {
		t.Fatalf("unknown with the history")
	}
	return v
}

type fatal interface {
	Fatalf(format string, args ...any)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

const day24 = 24 * time.Hour

func TestALeaf(t *testing.T) {
	t.Parallel()
	attr := func(key string, path ...string) filter.Field[filter.AttrLeaf] { return filter.Attr(key, path...) }
	for name, group := range map[string][]struct {
		name  string
		where filter.Node
		with  string // attributes
		want  bool
	}{
		"on what is missing": {
			{"a positive one is false", attr("a").Is("x"), `{}`, false},
			{"null is missing", attr("a").Is("x"), `{"a":null}`, false},
			{"its complement is true", attr("a").IsNot("x"), `{}`, true},
			{"not includes it, too", filter.Negate(attr("a").Is("x")), `{}`, true},
			{"missing overrides a positive one", attr("a").Missing(filter.MissingMatches).Is("x"), `{}`, true},
			{"missing overrides a negative one", attr("a").Missing(filter.MissingFails).IsNot("x"), `{}`, false},
			{"neither is true nor false", filter.Or(attr("a").Is(true), attr("a").Is(false)), `{}`, false},
			{"none of a set has it", attr("a").NotIn("x", "y"), `{}`, true},
			{"a multi-value ncontains is not true for everyone", filter.Negate(filter.Or(attr("a").Contains("x"), attr("a").Contains("y"))), `{"a":"xz"}`, false},
		},
		"on emptiness": {
			{"the empty text is set", attr("a").IsSet(), `{"a":""}`, true},
			{"the empty list is set", attr("a").IsSet(), `{"a":[]}`, true},
			{"null is not set", attr("a").IsSet(), `{"a":null}`, false},
			{"an object is set", attr("a").IsSet(), `{"a":{}}`, true},
			{"the empty text is empty", attr("a").Compare(filter.OpEmpty), `{"a":""}`, true},
			{"the empty list is empty", attr("a").Compare(filter.OpEmpty), `{"a":[]}`, true},
			{"what is missing is not empty", attr("a").Compare(filter.OpEmpty), `{}`, false},
			{"what is missing is nempty", attr("a").Compare(filter.OpNempty), `{}`, true},
			{"a number is not empty", attr("a").Compare(filter.OpEmpty), `{"a":0}`, false},
		},
		"on another type": {
			{"a number is not the text of it", attr("a").AtLeast(3), `{"a":"12"}`, false},
			{"cast reads it", attr("a").Cast().AtLeast(3), `{"a":" 12 "}`, true},
			{"what does not cast is missing", attr("a").Cast().AtLeast(3), `{"a":"abc"}`, false},
			{"too large an exponent does not cast", attr("a").Cast().AtLeast(3), `{"a":"1e309"}`, false},
			{"NaN does not cast", attr("a").Cast().AtLeast(3), `{"a":"NaN"}`, false},
			{"text is not the number of it", attr("a").Is("12"), `{"a":12}`, false},
			{"cast makes text of it", attr("a").Cast().Is("12"), `{"a":12}`, true},
			{"a bool is no text", attr("a").IsNot("true"), `{"a":true}`, true},
			{"cast makes a bool of 1", attr("a").Cast().Is(true), `{"a":1}`, true},
			{"a date is not read from a number", attr("a").Compare(filter.OpPassed), `{"a":1}`, false},
		},
		"on numbers": {
			{"integers beyond 2^53 are exact", attr("a").Is(9007199254740993), `{"a":9007199254740992}`, false},
			{"decimals are exact", attr("a").AtLeast(filter.Decimal("0.3")), `{"a":0.30000000000000000001}`, true},
			{"spelling does not count", attr("a").Is(filter.Decimal("50.0")), `{"a":5e1}`, true},
			{"of more digits than a filter has compare, too", attr("a").MoreThan(filter.Decimal("1")), `{"a":1.0000000000000000000000000000000000000000000000001}`, true},
			{"negative ones are ordered", attr("a").LessThan(filter.Decimal("-1.5")), `{"a":-1.6}`, true},
			{"between includes its ends", attr("a").Between(1, 2), `{"a":2}`, true},
			{"between is no more than that", attr("a").Between(1, 2), `{"a":2.000001}`, false},
			{"minus zero is zero", attr("a").Is(0), `{"a":-0}`, true},
			{"a set holds numbers", attr("a").In(1, filter.Decimal("2.50")), `{"a":2.5}`, true},
		},
		"on money": {
			{"one currency compares", attr("a").MoreThan(engage.Money{Minor: 100, Currency: "EUR"}), `{"a":{"minor":101,"currency":"EUR"}}`, true},
			{"two do not", attr("a").MoreThan(engage.Money{Minor: 100, Currency: "EUR"}), `{"a":{"minor":101,"currency":"USD"}}`, false},
			{"and are never equal", attr("a").IsNot(engage.Money{Minor: 100, Currency: "EUR"}), `{"a":{"minor":100,"currency":"USD"}}`, true},
			{"an object is no money", attr("a").MoreThan(engage.Money{Minor: 0, Currency: "EUR"}), `{"a":{"minor":101}}`, false},
		},
		"on text": {
			{"two spellings of an accent are one", attr("a").Is("ål"), `{"a":"a\u030al"}`, true},
			{"case counts", attr("a").Is("pro"), `{"a":"PRO"}`, false},
			{"ci folds fully", attr("a").IgnoreCase().Is("strasse"), `{"a":"STRAßE"}`, true},
			{"ci folds letters whose capitals came first", attr("a").IgnoreCase().Is("\u13a0"), `{"a":"\uab70"}`, true},
			{"ci folds a Turkish capital i to i and a dot", attr("a").IgnoreCase().Is("i\u0307stanbul"), `{"a":"İstanbul"}`, true},
			{"ci keeps a dotless i apart", attr("a").IgnoreCase().Is("i"), `{"a":"ı"}`, false},
			{"contains takes wildcards as they are", attr("a").Contains("50%_"), `{"a":"a 50%_ off"}`, true},
			{"contains matches no wildcard", attr("a").Contains("50%_"), `{"a":"a 50 % off"}`, false},
			{"a backslash is itself", attr("a").Contains(`\`), `{"a":"a\\b"}`, true},
			{"like has wildcards", attr("a").Compare(filter.OpLike, `a_c%`), `{"a":"abcd\ne"}`, true},
			{"like is about the whole", attr("a").Compare(filter.OpLike, `b%`), `{"a":"abc"}`, false},
			{"like escapes", attr("a").Compare(filter.OpLike, `50\%`), `{"a":"50%"}`, true},
			{"like escapes nothing else", attr("a").Compare(filter.OpLike, `50\%`), `{"a":"500"}`, false},
			{"like folds", attr("a").IgnoreCase().Compare(filter.OpLike, `ab%`), `{"a":"ABC"}`, true},
			{"regex finds", attr("a").Matches(`b+c`), `{"a":"abbcd"}`, true},
			{"regex keeps case", attr("a").Matches(`B`), `{"a":"b"}`, false},
			{"regex ignores case", attr("a").IgnoreCase().Matches(`B`), `{"a":"b"}`, true},
			{"length counts code points", attr("a").Compare(filter.OpLengthEq, 2), `{"a":"😀é"}`, true},
			{"starts", attr("a").StartsWith("ab"), `{"a":"abc"}`, true},
			{"nends includes the missing", attr("a").Compare(filter.OpNends, "x"), `{}`, true},
		},
		"on lists": {
			{"has finds an element", attr("a").Has("x"), `{"a":["y","x"]}`, true},
			{"has is no substring", attr("a").Has("x"), `{"a":["xy"]}`, false},
			{"has compares numbers exactly", attr("a").Has(filter.Decimal("2.0")), `{"a":[1,2]}`, true},
			{"has_all wants all", attr("a").HasAll("x", "y"), `{"a":["y"]}`, false},
			{"has_none includes the missing", attr("a").HasNone("x"), `{}`, true},
			{"has_none is the complement of has_any", attr("a").HasNone("x", "y"), `{"a":["y"]}`, false},
			{"size counts", attr("a").Compare(filter.OpSizeGte, 2), `{"a":[1,null]}`, true},
			{"a text has no size", attr("a").Compare(filter.OpSizeEq, 0), `{"a":""}`, false},
		},
		"on a path": {
			{"goes down objects", attr("a", "b", "c").Is("x"), `{"a":{"b":{"c":"x"}}}`, true},
			{"a step that is missing is missing", attr("a", "b").Is("x"), `{"a":"x"}`, false},
			{"and negative ones include it", attr("a", "b").IsNot("x"), `{"a":[]}`, true},
		},
		"in a tree": {
			{"all of nothing is everyone", filter.All{}, `{}`, true},
			{"none is no one of", filter.Nor(attr("a").Is("x"), attr("b").Is("x")), `{"a":"y"}`, true},
			{"any is one of", filter.Or(attr("a").Is("x"), attr("b").Is("x")), `{"b":"x"}`, true},
			{"nested five deep", filter.Negate(filter.And(filter.Or(filter.Nor(filter.Negate(attr("a").Is("x")))), attr("a").IsSet())), `{"a":"x"}`, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, c := range group {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					v := judged(t, filter.New(c.where), person{attributes: c.with}, circumstances{}, utc("2026-03-02"))
					if v.truth != c.want || !v.next.IsZero() {
						t.Fatalf("%v, next %v; want %v", v.truth, v.next, c.want)
					}
				})
			}
		})
	}
}

func TestADefinedDecimalIsANumber(t *testing.T) {
	t.Parallel()
	f := filter.New(filter.Attr("a").AtLeast(filter.Decimal("2.5")))
	p := person{attributes: `{"a":"10.25"}`}
	defined := circumstances{types: map[string]attribute.Type{"a": attribute.TypeDecimal}}
	if !judged(t, f, p, defined, utc("2026-01-01")).truth || judged(t, f, p, circumstances{}, utc("2026-01-01")).truth {
		t.Fatal("its text is read as a number where the attribute is defined as one, and nowhere else")
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	at := func(s string) []deed { return []deed{{name: "e", at: utc(s)}} }
	e, a := filter.Event("e"), filter.Attr("a")
	paris, newYork := circumstances{zone: "Europe/Paris"}, circumstances{zone: "America/New_York"}
	for _, c := range []struct {
		name  string
		where filter.Node
		p     person
		c     circumstances
		now   string
		want  bool
		next  string // "": never
	}{
		{"a rolling window includes its older end", e.Within(7 * day24), person{did: at("2026-03-01T10:00")}, paris, "2026-03-08T10:00", true, "2026-03-08T10:00:00.000001Z"},
		{"and ends behind it", e.Within(7 * day24), person{did: at("2026-03-01T10:00")}, paris, "2026-03-08T10:00:00.000001Z", false, ""},
		{"seven days are 168 hours when the clocks change", e.Within(7 * day24), person{did: at("2026-03-27T10:00")}, paris, "2026-03-27T12:00", true, "2026-04-03T10:00:00.000001Z"},
		{"an event of the future is not counted until its time", e, person{did: at("2026-03-02T10:00")}, paris, "2026-03-01", false, "2026-03-02T10:00"},
		{"nor in a rolling window", e.Within(day24), person{did: at("2026-03-02T10:00")}, paris, "2026-03-01", false, "2026-03-02T10:00"},
		{"did_not is true for a new contact", e.Never().Within(7 * day24), person{}, paris, "2026-03-01", true, ""},
		{"did_not becomes true when the last leaves", e.Never().Within(7 * day24), person{did: at("2026-03-01")}, paris, "2026-03-02", false, "2026-03-08T00:00:00.000001Z"},
		{"between 90 and 30 days ago begins later", e.Ago(90*day24, 30*day24), person{did: at("2026-01-01")}, paris, "2026-01-02", false, "2026-01-31"},
		{"and ends later", e.Ago(90*day24, 30*day24), person{did: at("2026-01-01")}, paris, "2026-02-01", true, "2026-04-01T00:00:00.000001Z"},
		{"an absolute window includes its start", e.During(filter.From(utc("2026-03-01"), utc("2026-04-01"))), person{did: at("2026-03-01")}, paris, "2026-05-01", true, ""},
		{"and excludes its end", e.During(filter.From(utc("2026-03-01"), utc("2026-04-01"))), person{did: at("2026-04-01")}, paris, "2026-05-01", false, ""},
		{"the last day of a calendar begins at a local midnight", e.During(filter.LastUnits(1, filter.Day)), person{did: at("2026-03-27T23:00")}, paris, "2026-03-29T21:59", true, "2026-03-29T22:00"},
		{"a day of 23 hours is a day", e.During(filter.LastUnits(1, filter.Day)), person{did: at("2026-03-28T22:59")}, paris, "2026-03-29T21:59:59", true, "2026-03-29T22:00"},
		{"this day ends at the next local midnight", e.During(filter.ThisUnit(filter.Day)), person{did: at("2026-03-28T23:00")}, paris, "2026-03-29T12:00", true, "2026-03-29T22:00"},
		{"the last month on March 31 begins on the last of February", e.During(filter.LastUnits(1, filter.Month)), person{did: at("2026-02-28T12:00")}, circumstances{}, "2026-03-31T12:00", true, "2026-04-01"},
		{"and not before", e.During(filter.LastUnits(1, filter.Month)), person{did: at("2026-02-27T23:59")}, circumstances{}, "2026-03-31T12:00", false, ""},
		{"a week starts on Monday", e.During(filter.ThisUnit(filter.Week)), person{did: at("2026-03-01T12:00")}, circumstances{weekStart: time.Monday}, "2026-03-02T12:00", false, ""},
		{"unless the workspace says Sunday", e.During(filter.ThisUnit(filter.Week)), person{did: at("2026-03-01T12:00")}, circumstances{}, "2026-03-02T12:00", true, "2026-03-08"},
		{"the contact's zone is meant where it is named", e.During(filter.ThisUnit(filter.Day).InZone(filter.ZoneContact)), person{zone: "Asia/Tokyo", did: at("2026-03-01T16:00")}, paris, "2026-03-01T17:00", true, "2026-03-02T15:00"},
		{"a contact without a zone has the workspace's", e.During(filter.ThisUnit(filter.Day).InZone(filter.ZoneContact)), person{did: at("2026-03-01T23:30")}, paris, "2026-03-02T12:00", true, "2026-03-02T23:00"},
		{"and so has one whose zone is none", e.During(filter.ThisUnit(filter.Day).InZone(filter.ZoneContact)), person{zone: "Mars/Olympus", did: at("2026-03-01T23:30")}, paris, "2026-03-02T12:00", true, "2026-03-02T23:00"},
		{"of three in a window the oldest leaves first", e.AtLeast(3).Within(10 * day24), person{did: append(append(at("2026-03-01"), at("2026-03-03")...), at("2026-03-02")...)}, paris, "2026-03-04", true, "2026-03-11T00:00:00.000001Z"},
		{"a count becomes exact when one leaves", e.Exactly(1).Within(10 * day24), person{did: append(at("2026-03-01"), at("2026-03-03")...)}, paris, "2026-03-04", false, "2026-03-11T00:00:00.000001Z"},
		{"an upper bound is broken by the future", e.AtMost(1), person{did: append(at("2026-03-01"), at("2026-03-05")...)}, paris, "2026-03-04", true, "2026-03-05"},

		{"today of a date is a civil day", a.During(filter.Today), person{attributes: `{"a":"2026-03-02"}`}, newYork, "2026-03-03T04:59", true, "2026-03-03T05:00"},
		{"today of an instant is the local day that holds it", a.During(filter.Today), person{attributes: `{"a":"2026-03-03T04:30:00Z"}`}, newYork, "2026-03-02T12:00", true, "2026-03-03T05:00"},
		{"tomorrow comes at midnight", a.During(filter.Today), person{attributes: `{"a":"2026-03-03"}`}, newYork, "2026-03-02T12:00", false, "2026-03-03T05:00"},
		{"last month of a date", a.During(filter.LastMonth), person{attributes: `{"a":"2026-02-28"}`}, circumstances{}, "2026-03-31", true, "2026-04-01"},
		{"next week begins a week before", a.During(filter.NextWeek), person{attributes: `{"a":"2026-03-15"}`}, circumstances{weekStart: time.Monday}, "2026-03-01T12:00", false, "2026-03-02"},
		{"a date in the last two days", a.InLast(2, filter.Day), person{attributes: `{"a":"2026-03-01"}`}, circumstances{}, "2026-03-03T23:59", true, "2026-03-04"},
		{"an instant in the last two days keeps its time of day over a change of clocks", a.InLast(2, filter.Day), person{attributes: `{"a":"2026-03-28T10:00:00Z"}`}, paris, "2026-03-29T00:00", true, "2026-03-30T09:00:00.000001Z"},
		{"an instant in the last hours is of fixed length", a.InLast(48, filter.Hour), person{attributes: `{"a":"2026-03-28T10:00:00Z"}`}, paris, "2026-03-29T00:00", true, "2026-03-30T10:00:00.000001Z"},
		{"January 31 is in the last month through February", a.InLast(1, filter.Month), person{attributes: `{"a":"2026-01-31T12:00:00Z"}`}, circumstances{}, "2026-02-01", true, "2026-03-01"},
		{"a date in the next week enters before it comes", a.InNext(7, filter.Day), person{attributes: `{"a":"2026-03-20"}`}, circumstances{}, "2026-03-02", false, "2026-03-13"},
		{"and leaves when it is over", a.InNext(7, filter.Day), person{attributes: `{"a":"2026-03-20"}`}, circumstances{}, "2026-03-20T12:00", true, "2026-03-21"},
		{"more than a day ago begins just behind the day", a.Compare(filter.OpMoreThanAgo, filter.Span{N: 1, Unit: filter.Day}), person{attributes: `{"a":"2026-03-01T10:00:00Z"}`}, circumstances{}, "2026-03-02T10:00", false, "2026-03-02T10:00:00.000001Z"},
		{"more than a day ahead ends a day before", a.Compare(filter.OpMoreThanAhead, filter.Span{N: 1, Unit: filter.Day}), person{attributes: `{"a":"2026-03-05T10:00:00Z"}`}, circumstances{}, "2026-03-02T10:00", true, "2026-03-04T10:00"},
		{"a time passes", a.Compare(filter.OpPassed), person{attributes: `{"a":"2026-03-05T10:00:00.5Z"}`}, circumstances{}, "2026-03-02", false, "2026-03-05T10:00:00.5Z"},
		{"on a date of an instant is local", a.Is(filter.Date{Year: 2026, Month: 3, Day: 2}), person{attributes: `{"a":"2026-03-03T04:30:00Z"}`}, newYork, "2026-05-01", true, ""},
		{"a birthday is on its day", a.Anniversary(0), person{attributes: `{"a":"1990-03-02"}`}, newYork, "2026-03-02T12:00", true, "2026-03-03T05:00"},
		{"and comes back in a year", a.Anniversary(0), person{attributes: `{"a":"1990-03-02"}`}, circumstances{}, "2026-03-03", false, "2027-03-02"},
		{"that of February 29 is the 28th in other years", a.Anniversary(0), person{attributes: `{"a":"1992-02-29"}`}, circumstances{}, "2026-02-01", false, "2026-02-28"},
		{"and the 29th in leap years", a.Anniversary(0), person{attributes: `{"a":"1992-02-29"}`}, circumstances{}, "2028-02-28", false, "2028-02-29"},
		{"three days before a birthday in the next year", a.Anniversary(3), person{attributes: `{"a":"1990-01-02"}`}, circumstances{}, "2026-12-30T12:00", true, "2026-12-31"},
		{"a weekday of an instant is local", a.OnWeekdays(time.Monday), person{attributes: `{"a":"2026-03-03T04:30:00Z"}`}, newYork, "2026-05-01", true, ""},
		{"an hour of the day is local", a.Compare(filter.OpHour, 23), person{attributes: `{"a":"2026-03-03T04:30:00Z"}`}, newYork, "2026-05-01", true, ""},

		{"an and of two waits for the later", filter.And(e.Within(day24), a.During(filter.Today)), person{did: at("2026-03-05"), attributes: `{"a":"2026-03-04"}`}, circumstances{}, "2026-03-01", false, "2026-03-05"},
		{"an and with what is false for good waits for nothing", filter.And(e.Within(day24), a.Is("x")), person{did: at("2026-03-01")}, circumstances{}, "2026-03-01", false, ""},
		{"an or changes with the last of its truths", filter.Or(e.Within(day24), e.Within(2*day24)), person{did: at("2026-03-01")}, circumstances{}, "2026-03-01", true, "2026-03-03T00:00:00.000001Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := judged(t, filter.New(c.where), c.p, c.c, utc(c.now))
			var next time.Time
			if c.next != "" {
				next = utc(c.next)
			}
			if v.truth != c.want || !v.next.Equal(next) {
				t.Fatalf("%v until %v, want %v until %v", v.truth, v.next, c.want, next)
			}
			if next.IsZero() {
				return
			}
			if before := judged(t, filter.New(c.where), c.p, c.c, next.Add(-tick)); before.truth != c.want {
				t.Fatalf("it changes before %v", next)
			}
		})
	}
}

func TestPredicatesOfAnEventAreAskedOfOneOccurrence(t *testing.T) {
	t.Parallel()
	p := person{did: []deed{
		{"bought", utc("2026-03-01"), `{"price":10,"shop":"a"}`},
		{"bought", utc("2026-03-02"), `{"price":99,"shop":"b"}`},
		{"bought", utc("2026-03-03"), `{"price":"99","shop":"a"}`},
	}}
	for i, c := range []struct {
		where filter.Node
		want  bool
	}{
		{filter.Event("bought").Matching(filter.Prop("price").AtLeast(50), filter.Prop("shop").Is("b")), true},
		{filter.Event("bought").Matching(filter.Prop("price").AtLeast(50), filter.Prop("shop").Is("a")), false},
		{filter.Event("bought").AtLeast(2).Matching(filter.Prop("shop").Is("a")), true},
		{filter.Event("bought").Exactly(1).Matching(filter.Prop("price").AtLeast(50)), true},
		{filter.Event("bought").Exactly(2).Matching(filter.Prop("price").Cast().AtLeast(50)), true},
		{filter.Event("bought").Never().Matching(filter.Nor(filter.Prop("shop").In("a", "b"))), true},
		{filter.And(filter.Event("bought").AtLeast(3), filter.Event("bought").Exactly(3)), true},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			if v := judged(t, filter.New(c.where), p, circumstances{}, utc("2026-03-04")); v.truth != c.want {
				t.Fatalf("%v, want %v", v.truth, c.want)
			}
		})
	}
}

func TestABucketIsStableAndEven(t *testing.T) {
	t.Parallel()
	if got := bucketOf("exp1", contacts.ID{1, 2, 3}); got != 8972 {
		t.Fatalf("bucket %d: what is drawn once must never change", got)
	}
	inHalf := 0
	for i := range 10_000 {
		if bucketOf("s", contacts.ID{byte(i), byte(i >> 8)}) < 5000 {
			inHalf++
		}
	}
	if inHalf < 4800 || inHalf > 5200 {
		t.Fatalf("%d of 10,000 are in a half", inHalf)
	}
}

func TestAMidnightThatIsMissingOrTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, day, want string }{
		{"Europe/Paris", "2026-03-29", "2026-03-28T23:00"},
		{"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"}, // 00:00 to 01:00 is missing
		{"America/Havana", "2026-11-01", "2026-11-01T04:00"},    // 00:00 to 01:00 comes twice
		{"Asia/Beirut", "2026-03-29", "2026-03-28T22:00"},
		{"Pacific/Apia", "2011-12-31", "2011-12-30T10:00"}, // the 30th is missing
	} {
		d, err := filter.ParseDate(c.day)
		if err != nil {
			t.Fatal(err)
		}
		if got := dayOf(d).midnight(zoneOf(c.zone)); !got.Equal(utc(c.want)) {
			t.Errorf("%s in %s begins at %v, want %v", c.day, c.zone, got, c.want)
		}
	}
}
