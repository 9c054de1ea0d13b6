package filter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/segments/filter"
)

const day = 24 * time.Hour

// faultsOf lists "path code" of every fault.
func faultsOf(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	if !errors.Is(err, engage.ErrInvalid) {
		t.Fatalf("want ErrInvalid, got %v", err)
	}
	var out []string
	for _, f := range engage.FieldsOf(err) {
		if f.Message == "" {
			t.Errorf("no message at %q", f.Path)
		}
		out = append(out, f.Path+" "+f.Code)
	}
	return out
}

// where wraps a condition into a document.
func where(condition string) string { return `{"v":1,"where":` + condition + `}` }

func mustParse(t *testing.T, document string) filter.Filter {
	t.Helper()
	f, err := filter.Parse([]byte(document))
	if err != nil {
		t.Fatalf("%s\n%v %v", document, err, engage.FieldsOf(err))
	}
	return f
}

func encode(t *testing.T, f filter.Filter) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(f); err != nil {
		t.Fatalf("%v %v", err, engage.FieldsOf(err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestTheBuilderAndTheDocumentAreTheSame(t *testing.T) {
	t.Parallel()
	launch := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name     string
		built    filter.Node
		document string
	}{
		{"everyone", filter.All{}, `{"all":[]}`},
		{
			"a trial that is used", filter.And(filter.Attr("plan").Is("trial"), filter.Event("signed_in").AtLeast(1).Within(7*day)),
			`{"all":[{"attr":"plan","op":"eq","value":"trial"},{"event":"signed_in","op":"gte","value":1,"window":{"last":"7d"}}]}`,
		},
		{
			"any, none and not", filter.Or(filter.Nor(filter.Tag("vip")), filter.Negate(filter.Segment("active"))),
			`{"any":[{"none":[{"member":"tag","id":"vip","is":true}]},{"not":{"member":"segment","id":"active","is":true}}]}`,
		},
		{"a list", filter.List("newsletter"), `{"member":"list","id":"newsletter","state":"subscribed","is":true}`},
		{"a list in another state", filter.List("newsletter").In(filter.StateBounced), `{"member":"list","id":"newsletter","state":"bounced","is":true}`},
		{"a bucket", filter.Bucket("exp1", 0, 5000), `{"bucket":{"salt":"exp1","from":0,"to":5000}}`},
		{"a set of texts", filter.Attr("plan").In("pro", "team"), `{"attr":"plan","op":"in","value":["pro","team"]}`},
		{"text regardless of case", filter.Attr("city").IgnoreCase().Contains("50%_"), `{"attr":"city","op":"contains","value":"50%_","ci":true}`},
		{"a missing one matches", filter.Attr("plan").Missing(filter.MissingMatches).Is("free"), `{"attr":"plan","op":"eq","value":"free","missing":"match"}`},
		{"a missing one fails", filter.Attr("plan").Missing(filter.MissingFails).IsNot("free"), `{"attr":"plan","op":"neq","value":"free","missing":"nomatch"}`},
		{"a path and a cast", filter.Attr("address", "geo", "zip").Cast().AtLeast(1000), `{"attr":"address","path":["geo","zip"],"op":"gte","value":1000,"cast":true}`},
		{"a decimal", filter.Attr("balance").LessThan(filter.Decimal("0.10")), `{"attr":"balance","op":"lt","value":"0.1"}`},
		{"a decimal where text could be", filter.Attr("balance").Is(filter.Decimal("0.10")), `{"attr":"balance","type":"number","op":"eq","value":"0.1"}`},
		{"a long integer", filter.Attr("n").In(int64(1), int64(9007199254740993)), `{"attr":"n","type":"number","op":"in","value":[1,"9007199254740993"]}`},
		{"the longest integer that JSON keeps", filter.Attr("n").Is(1 << 53), `{"attr":"n","op":"eq","value":9007199254740992}`},
		{"money", filter.Attr("ltv").MoreThan(engage.Money{Minor: 1999, Currency: "EUR"}), `{"attr":"ltv","op":"gt","value":{"minor":1999,"currency":"EUR"}}`},
		{"a bool", filter.Attr("vip").Is(true), `{"attr":"vip","op":"is_true"}`},
		{"a bool that is false", filter.Attr("vip").Is(false), `{"attr":"vip","op":"is_false"}`},
		{"a date", filter.Attr("born").Is(filter.Date{Year: 1990, Month: 2, Day: 28}), `{"attr":"born","op":"on","value":"1990-02-28"}`},
		{"an instant", filter.Attr("seen").Before(launch), `{"attr":"seen","op":"before","value":"2026-01-01T12:00:00.000000Z"}`},
		{"between dates", filter.Attr("born").Between(filter.Date{Year: 1990, Month: 1, Day: 1}, filter.Date{Year: 1999, Month: 12, Day: 31}), `{"attr":"born","op":"between","value":["1990-01-01","1999-12-31"]}`},
		{"a birthday", filter.Attr("birthday").InZone(filter.ZoneContact).Anniversary(0), `{"attr":"birthday","op":"anniversary","value":{"offset_days":0},"tz":"contact"}`},
		{"a period", filter.Attr("signup").During(filter.LastMonth), `{"attr":"signup","op":"during","value":"last_month"}`},
		{"a span", filter.Attr("renewal").InZone("Europe/Paris").InNext(2, filter.Week), `{"attr":"renewal","op":"next","value":{"n":2,"unit":"week"},"tz":"Europe/Paris"}`},
		{"weekdays", filter.Attr("signup").OnWeekdays(time.Sunday, time.Monday), `{"attr":"signup","op":"day_of_week","value":[7,1]}`},
		{"hours", filter.Attr("signup").Compare(filter.OpHour, 9, 10), `{"attr":"signup","op":"hour_of_day","value":[9,10]}`},
		{"a list attribute", filter.Attr("interests").HasAll("go", "sql"), `{"attr":"interests","op":"has_all","value":["go","sql"]}`},
		{"the size of a list", filter.Attr("interests").Compare(filter.OpSizeGte, 2), `{"attr":"interests","op":"size_gte","value":2}`},
		{"an event that was not", filter.Event("refunded").Never().Within(36 * time.Hour), `{"event":"refunded","op":"eq","value":0,"window":{"last":"36h"}}`},
		{"a range of counts", filter.Event("opened").Times(2, 5).Ago(90*day, 30*day), `{"event":"opened","op":"between","value":[2,5],"window":{"between":["90d","30d"]}}`},
		{"an absolute window", filter.Event("opened").AtMost(3).During(filter.From(launch, time.Time{})), `{"event":"opened","op":"lte","value":3,"window":{"from":"2026-01-01T12:00:00.000000Z"}}`},
		{"a calendar window", filter.Event("opened").During(filter.LastUnits(3, filter.Month).InZone(filter.ZoneContact)), `{"event":"opened","op":"gte","value":1,"window":{"calendar":"last","n":3,"unit":"month","tz":"contact"}}`},
		{"the current week", filter.Event("opened").During(filter.ThisUnit(filter.Week)), `{"event":"opened","op":"gte","value":1,"window":{"calendar":"this","unit":"week"}}`},
		{
			"predicates on one occurrence", filter.Event("order").Matching(filter.Prop("revenue").AtLeast(50), filter.Prop("sku").Is("a")).AtLeast(2),
			`{"event":"order","op":"gte","value":2,"where":{"all":[{"prop":"revenue","op":"gte","value":50},{"prop":"sku","op":"eq","value":"a"}]}}`,
		},
		{"text that needs escapes", filter.Attr(`a"\b`).Is("x\n<\u2028>é😀"), `{"attr":"a\"\\b","op":"eq","value":"x\u000a<\u2028>é😀"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			built, err := filter.Build(c.built)
			if err != nil {
				t.Fatalf("%v %v", err, engage.FieldsOf(err))
			}
			want := `{"v":1,"entity":"contact","tz":"workspace","where":` + c.document + `}`
			if got := encode(t, built); got != want {
				t.Errorf("encoded\n got %s\nwant %s", got, want)
			}
			parsed := mustParse(t, want)
			if !reflect.DeepEqual(parsed, built) || !parsed.Equal(built) || parsed.Hash() != built.Hash() {
				t.Errorf("parsed %#v\n built %#v", parsed, built)
			}
		})
	}
}

func TestOtherSpellingsAreRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, document, same string }{
		{"did", `{"event":"x","op":"did"}`, `{"event":"x"}`},
		{"did_not", `{"event":"x","op":"did_not"}`, `{"event":"x","op":"eq","value":0}`},
		{"count is the default aggregate", `{"event":"x","agg":"count","op":"gte","value":2}`, `{"event":"x","op":"gte","value":2}`},
		{"ever", `{"event":"x","window":{"ever":true}}`, `{"event":"x"}`},
		{"seven days in hours", `{"event":"x","window":{"last":"168h"}}`, `{"event":"x","window":{"last":"7d"}}`},
		{"subscribed is the default state", `{"member":"list","id":"n"}`, `{"member":"list","id":"n","state":"subscribed","is":true}`},
		{"a number with an exponent", `{"attr":"n","op":"gte","value":5e1}`, `{"attr":"n","op":"gte","value":50.0}`},
		{"a decimal in a string", `{"attr":"n","op":"gte","value":"0.30"}`, `{"attr":"n","op":"gte","value":0.3}`},
		{"a declared number", `{"attr":"n","type":"number","op":"eq","value":"12"}`, `{"attr":"n","op":"eq","value":12}`},
		{"an instant with an offset", `{"attr":"t","op":"after","value":"2026-01-01T02:00:00+02:00"}`, `{"attr":"t","op":"after","value":"2026-01-01T00:00:00Z"}`},
		{"a surrogate pair", `{"attr":"e","op":"eq","value":"\ud83d\ude00"}`, `{"attr":"e","op":"eq","value":"😀"}`},
		{"an escaped backslash before u", `{"attr":"e","op":"eq","value":"\\ud83d"}`, `{"attr":"e","op":"eq","value":"\u005cud83d"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := mustParse(t, where(c.document)), mustParse(t, where(c.same))
			if !reflect.DeepEqual(a, b) || a.Hash() != b.Hash() {
				t.Errorf("%#v is not %#v", a, b)
			}
		})
	}
}

func TestNumberOfATextIsNotItsNumber(t *testing.T) {
	t.Parallel()
	if mustParse(t, where(`{"attr":"n","op":"eq","value":"12"}`)).Equal(mustParse(t, where(`{"attr":"n","op":"eq","value":12}`))) {
		t.Error(`"12" equals 12`)
	}
}

func TestBuildReportsEveryFault(t *testing.T) {
	t.Parallel()
	loop := filter.All{nil}
	loop[0] = loop
	deep := filter.Node(filter.Tag("x"))
	for range filter.MaxDepth + 1 {
		deep = filter.Negate(deep)
	}
	for _, c := range []struct {
		name string
		node filter.Node
		want []string
	}{
		{"nothing", nil, []string{"/where required"}},
		{"several", filter.And(
			filter.Attr("").Is(1.5),
			filter.Attr("a").Compare(filter.OpContains, 3),
			filter.Event("e").AtLeast(0).Within(1500*time.Millisecond),
			filter.Prop("p").IsSet(), nil,
		), []string{
			"/where/all/0/attr required", "/where/all/0/value wrong_type", "/where/all/1/value wrong_type",
			"/where/all/2/value constant", "/where/all/2/window/last out_of_range", "/where/all/3 misplaced", "/where/all/4 required",
		}},
		{"empty any and none", filter.And(filter.Or(), filter.Nor(), filter.Negate(nil)), []string{"/where/all/0 required", "/where/all/1 required", "/where/all/2/not required"}},
		{"a pointer to a node", &filter.TagLeaf{ID: "x"}, []string{"/where unknown"}},
		{"a tree that holds itself", loop, []string{"/where/all/0/all/0/all/0/all/0/all/0/all/0/all/0/all/0/all/0/all/0/all/0 too_deep"}},
		{"too deep", deep, []string{"/where" + strings.Repeat("/not", filter.MaxDepth+1) + " too_deep"}},
		{"too many conditions", filter.All(make([]filter.Node, filter.MaxNodes+1)), nil},
		{"a leaf without an operator", filter.AttrLeaf{Key: "a"}, []string{"/where/op required"}},
		{"an unknown operator", filter.Attr("a").Compare(200, 1), []string{"/where/op required"}},
		{"ends in the wrong order", filter.Attr("a").Between(2, 1), []string{"/where/value/1 out_of_range"}},
		{"two currencies", filter.Attr("a").Between(engage.Money{Minor: 1, Currency: "EUR"}, engage.Money{Minor: 2, Currency: "USD"}), []string{"/where/value/1 wrong_type"}},
		{"a mixed set", filter.Attr("a").In("x", 1, true), []string{"/where/value/1 wrong_type", "/where/value/2 wrong_type"}},
		{"invalid UTF-8", filter.Attr("a\xff").Is("b\xff"), []string{"/where/attr invalid", "/where/value invalid"}},
		{"NUL", filter.Tag("a\x00"), []string{"/where/id invalid"}},
		{"no window", filter.Event("e").During(filter.From(time.Time{}, time.Time{})), []string{"/where/window required"}},
		{"an event within an event", filter.Event("e").Matching(filter.Event("f"), filter.Attr("a").IsSet()), []string{"/where/where/all/0 misplaced", "/where/where/all/1 misplaced"}},
		{"a day that is not", filter.Attr("a").Is(filter.Date{Year: 2026, Month: 2, Day: 30}), []string{"/where/value out_of_range"}},
		{"a zone where none is used", filter.Attr("a").InZone("UTC").Is("x"), []string{"/where/tz not_applicable"}},
		{"the process's zone", filter.Attr("a").InZone("Local").During(filter.Today), []string{"/where/tz invalid"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := filter.Build(c.node)
			got := faultsOf(t, err)
			if c.want == nil {
				if len(got) == 0 || got[0] != "/where too_many" {
					t.Errorf("got %q", got)
				}
			} else if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if _, err := json.Marshal(filter.New(c.node)); err == nil {
				t.Error("an invalid filter was encoded")
			}
		})
	}
}

func TestFilterIsBoundedAsWritten(t *testing.T) {
	t.Parallel()
	values := make([]any, 100)
	for i := range values {
		values[i] = strings.Repeat("x", filter.MaxText)
	}
	_, err := filter.Build(filter.Attr("a").In(values...))
	if got := faultsOf(t, err); !reflect.DeepEqual(got, []string{" too_long"}) {
		t.Errorf("got %q", got)
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	f := mustParse(t, where(`{"all":[
		{"attr":"plan","op":"eq","value":"x"},{"not":{"attr":"plan","op":"set"}},{"attr":"birthday","op":"anniversary","value":{},"tz":"contact"},
		{"event":"b","where":{"prop":"p","op":"set"}},{"event":"a","window":{"last":"7d"}},
		{"member":"tag","id":"t"},{"member":"list","id":"l"},{"any":[{"member":"segment","id":"s"}]}]}`))
	want := filter.References{
		Attributes: []string{"birthday", "plan"}, Events: []string{"a", "b"}, Tags: []string{"t"},
		Lists: []string{"l"}, Segments: []string{"s"}, Clock: true, ContactZone: true,
	}
	if got := f.References(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	still := mustParse(t, where(`{"event":"a","op":"gte","value":3}`)).References()
	if still.Clock || still.ContactZone {
		t.Errorf("nothing here depends on time: %+v", still)
	}
}

func TestNodesComeWithTheirPointers(t *testing.T) {
	t.Parallel()
	f := mustParse(t, where(`{"all":[{"not":{"event":"e","where":{"any":[{"prop":"p","op":"set"}]}}},{"member":"tag","id":"t"}]}`))
	var got []string
	for path := range f.Nodes() {
		got = append(got, path)
	}
	want := []string{"/where", "/where/all/0", "/where/all/0/not", "/where/all/0/not/where", "/where/all/0/not/where/any/0", "/where/all/1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAcceptsKnowsTypesOfAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		leaf filter.AttrLeaf
		yes  []filter.Type
	}{
		{filter.Attr("a").Is("x"), []filter.Type{filter.TypeString}},
		{filter.Attr("a").In(1, 2), []filter.Type{filter.TypeNumber}},
		{filter.Attr("a").IsSet(), []filter.Type{filter.TypeString, filter.TypeNumber, filter.TypeMoney, filter.TypeBool, filter.TypeDate, filter.TypeDatetime, filter.TypeList}},
		{filter.Attr("a").Has("x"), []filter.Type{filter.TypeList}},
		{filter.Attr("a").Before(filter.Date{Year: 2026, Month: 1, Day: 1}), []filter.Type{filter.TypeDate, filter.TypeDatetime}},
		{filter.Attr("a").Before(time.Now()), []filter.Type{filter.TypeDatetime}},
		{filter.Attr("a").Compare(filter.OpEmpty), []filter.Type{filter.TypeString, filter.TypeList}},
	} {
		var got []filter.Type
		for typ := filter.TypeString; typ <= filter.TypeList; typ++ {
			if c.leaf.Accepts(typ) {
				got = append(got, typ)
			}
		}
		if !reflect.DeepEqual(got, c.yes) {
			t.Errorf("%v accepts %v, want %v", c.leaf, got, c.yes)
		}
	}
}

func TestUnmarshalLeavesAFilterAloneOnError(t *testing.T) {
	t.Parallel()
	f := filter.New(filter.Tag("x"))
	if err := json.Unmarshal([]byte(`{"v":2}`), &f); err == nil || !f.Equal(filter.New(filter.Tag("x"))) {
		t.Errorf("%v, %v", err, f)
	}
}

func TestFiltersExplainThemselves(t *testing.T) {
	t.Parallel()
	launch := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		node filter.Node
		want string
	}{
		{filter.All{}, `anything holds`},
		{nil, `(nothing)`},
		{filter.And(filter.Or(filter.Tag("a"), filter.Tag("b")), filter.Negate(filter.And(filter.Tag("c"), filter.Segment("d")))), `(tagged "a" or tagged "b") and not (tagged "c" and in segment "d")`},
		{filter.Or(filter.And(filter.Tag("a"), filter.Tag("b")), filter.Nor(filter.Tag("c"))), `(tagged "a" and tagged "b") or none of (tagged "c")`},
		{filter.TagLeaf{ID: "a", Absent: true}, `not tagged "a"`},
		{filter.List("n"), `subscribed on list "n"`},
		{filter.List("n").In(filter.StateAny), `in any state on list "n"`},
		{filter.Bucket("s", 0, 100), `in buckets 0 to 99 of "s"`},
		{filter.Attr("a").IgnoreCase().Missing(filter.MissingMatches).StartsWith("x"), `a starts with "x" (ignoring case, or missing)`},
		{filter.Attr("a", "b").Cast().Missing(filter.MissingFails).AtMost(3), `a.b is at most 3 (converted, and not missing)`},
		{filter.Attr("a").Between(1, 2), `a is between 1 and 2`},
		{filter.Attr("a").Is(engage.Money{Minor: 5, Currency: "EUR"}), `a is 5 EUR`},
		{filter.Attr("a").After(launch), `a is after 2026-01-01T12:00:00.000000Z`},
		{filter.Attr("a").During(filter.ThisWeek), `a is this week`},
		{filter.Attr("a").InLast(1, filter.Day), `a is in the last 1 day`},
		{filter.Attr("a").InZone("UTC").Anniversary(3), `a has its anniversary in 3 days (time of UTC)`},
		{filter.Attr("a").Anniversary(-1), `a has its anniversary 1 day ago`},
		{filter.Attr("a").OnWeekdays(time.Monday, time.Sunday), `a is on a Monday, Sunday`},
		{filter.Event("e").Never(), `did not do "e"`},
		{filter.Event("e").Exactly(1), `did "e" exactly 1 time`},
		{filter.Event("e").AtMost(2), `did "e" at most 2 times`},
		{filter.Event("e").Times(2, 3).Ago(60*day, 30*day), `did "e" 2 to 3 times from 60d to 30d ago`},
		{filter.Event("e").During(filter.From(launch, launch.Add(day))), `did "e" from 2026-01-01T12:00:00Z until 2026-01-02T12:00:00Z`},
		{filter.Event("e").During(filter.ThisUnit(filter.Year).InZone(filter.ZoneContact)), `did "e" this year (time of contact)`},
		{filter.Event("e").During(filter.LastUnits(3, filter.Month)), `did "e" since midnight 3 months ago`},
	} {
		if got := filter.New(c.node).String(); got != "contacts where "+c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if got := filter.Ever().String() + ", " + filter.Last(90*time.Minute).String(); got != "ever, in the last 90m" {
		t.Error(got)
	}
}

func TestGoValuesBecomeLiterals(t *testing.T) {
	t.Parallel()
	for _, v := range []any{7, int8(7), int16(7), int32(7), int64(7), uint(7), uint8(7), uint16(7), uint32(7), uint64(7), json.Number("7.0"), filter.Int(7), filter.Decimal("70e-1")} {
		if leaf := filter.Attr("a").Is(v); leaf.Value != filter.Int(7) {
			t.Errorf("%T is %v", v, leaf.Value)
		}
	}
	if leaf := filter.Attr("a").Is(uint64(1) << 63); leaf.Value != filter.Decimal("9223372036854775808") {
		t.Errorf("got %v", leaf.Value)
	}
	type own string
	for _, v := range []any{1.5, float32(1), nil, own("x"), []string{"x"}, json.Number("x"), struct{}{}, filter.Decimal("1e99"), filter.Today, filter.Values{}} {
		if _, err := filter.Build(filter.Attr("a").Is(v)); len(faultsOf(t, err)) != 1 {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestMatchingAddsPredicates(t *testing.T) {
	t.Parallel()
	a, b := filter.Prop("a").IsSet(), filter.Prop("b").IsSet()
	one, two := filter.New(filter.Event("e").Matching(a).Matching(b)), filter.New(filter.Event("e").Matching(b, a))
	if !one.Equal(two) {
		t.Errorf("%v\n%v", one, two)
	}
}
