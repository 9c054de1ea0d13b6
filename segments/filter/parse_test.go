package filter_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/go-engage/engage/segments/filter"
)

func TestParseReportsFaultsByPointer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", filter.MaxKey+1)
	for _, c := range []struct {
		name, document string
		want           []string
	}{
		{"nothing", ``, []string{" syntax"}},
		{"no JSON", `{"v":1,`, []string{" syntax"}},
		{"trailing data", where(`{"all":[]}`) + `{}`, []string{" syntax"}},
		{"trailing comma", `{"v":1,"where":{"all":[]},}`, []string{" syntax"}},
		{"invalid UTF-8", where("{\"member\":\"tag\",\"id\":\"\xff\"}"), []string{" syntax"}},
		{"half a surrogate pair", where(`{"member":"tag","id":"\ud83d"}`), []string{" syntax"}},
		{"the other half", where(`{"member":"tag","id":"\ude00x"}`), []string{" syntax"}},
		{"NUL", where(`{"member":"tag","id":"a\u0000"}`), []string{"/where/id syntax"}},
		{"NUL in a key", where(`{"member":"tag","id":"a","\u0000":1}`), []string{"/where/\x00 syntax"}},
		{"too large", where(`{"member":"tag","id":"` + strings.Repeat("x", filter.MaxBytes) + `"}`), []string{" too_long"}},
		{"a bomb of brackets", strings.Repeat("[", 30000) + strings.Repeat("]", 30000), []string{" syntax"}},
		{"a deep document", where(strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100)), []string{"/where" + strings.Repeat("/0", 64) + " too_deep"}},
		{"an array", `[]`, []string{" wrong_type"}},
		{"null", `null`, []string{" wrong_type"}},
		{"an empty object", `{}`, []string{"/v required", "/where required"}},
		{"another version", `{"v":2,"where":{"all":[]}}`, []string{"/v unknown"}},
		{"a version in a string", `{"v":"1","where":{"all":[]}}`, []string{"/v unknown"}},
		{"everything around is wrong", `{"v":1,"entity":"Contact","tz":"../etc/passwd","where":{"all":[]},"x/y~z":1}`, []string{"/entity invalid", "/tz invalid", "/x~1y~0z unknown"}},
		{"duplicate keys", `{"v":1,"v":1,"where":{"member":"tag","id":"a","id":"b"}}`, []string{"/v duplicate", "/where/id duplicate"}},
		{"another case", where(`{"Attr":"plan","op":"set"}`), []string{"/where required", "/where/Attr unknown", "/where/op unknown"}},
		{"no condition", where(`"plan"`), []string{"/where wrong_type"}},
		{"an object for all", where(`{"all":{}}`), []string{"/where/all wrong_type"}},
		{"empty any", where(`{"any":[]}`), []string{"/where required"}},
		{"two kinds", where(`{"all":[],"any":[]}`), []string{"/where/any unknown"}},
		{"faults all over", where(`{"all":[
			{"attr":"plan","op":"equals","value":"x"},
			{"attr":3,"op":"eq","value":null},
			{"any":[{"event":"","op":"gte","value":0,"window":{"last":"7 days"}}]},
			{"member":"tga","id":"x"},
			{"not":{"nope":1}},
			7]}`), []string{
			"/where/all/0/op unknown", "/where/all/1/attr wrong_type", "/where/all/1/value wrong_type",
			"/where/all/2/any/0/event required", "/where/all/2/any/0/value constant", "/where/all/2/any/0/window/last invalid",
			"/where/all/3/member unknown", "/where/all/4/not required", "/where/all/4/not/nope unknown", "/where/all/5 wrong_type",
		}},
		{"no operator", where(`{"attr":"a"}`), []string{"/where/op required"}},
		{"no value", where(`{"attr":"a","op":"eq"}`), []string{"/where/value required"}},
		{"a value too much", where(`{"attr":"a","op":"set","value":1}`), []string{"/where/value not_applicable"}},
		{"a bool", where(`{"attr":"a","op":"eq","value":true}`), []string{"/where/value wrong_type"}},
		{"a number for text", where(`{"attr":"a","op":"contains","value":5}`), []string{"/where/value wrong_type"}},
		{"text for a number", where(`{"attr":"a","op":"gte","value":"5 apples"}`), []string{"/where/value invalid"}},
		{"no number", where(`{"attr":"a","op":"gte","value":"NaN"}`), []string{"/where/value invalid"}},
		{"a number beyond all", where(`{"attr":"a","op":"gte","value":1e309}`), []string{"/where/value out_of_range"}},
		{"a number with a giant exponent", where(`{"attr":"a","op":"gte","value":1e999999999999}`), []string{"/where/value out_of_range"}},
		{"too many digits", where(`{"attr":"a","op":"gte","value":0.` + strings.Repeat("1", 39) + `}`), []string{"/where/value out_of_range"}},
		{"members of other types", where(`{"attr":"a","op":"in","value":["x",1,null,["y"],{"minor":1,"currency":"EUR"}]}`), []string{"/where/value/1 wrong_type", "/where/value/2 wrong_type", "/where/value/3 wrong_type", "/where/value/4 wrong_type"}},
		{"an empty set", where(`{"attr":"a","op":"in","value":[]}`), []string{"/where/value required"}},
		{"no set", where(`{"attr":"a","op":"in","value":"x"}`), []string{"/where/value wrong_type"}},
		{"one end", where(`{"attr":"a","op":"between","value":[1]}`), []string{"/where/value wrong_type"}},
		{"a date beside a number", where(`{"attr":"a","op":"between","value":["2026-01-01",5]}`), []string{"/where/value/1 wrong_type"}},
		{"no date", where(`{"attr":"a","op":"on","value":"2026-02-30"}`), []string{"/where/value invalid"}},
		{"a date before its time", where(`{"attr":"a","op":"on","value":"0001-01-01"}`), []string{"/where/value out_of_range"}},
		{"an instant without a zone", where(`{"attr":"a","op":"before","value":"2026-01-01T00:00:00"}`), []string{"/where/value invalid"}},
		{"an instant for a day", where(`{"attr":"a","op":"on","value":"2026-01-01T00:00:00Z"}`), []string{"/where/value wrong_type"}},
		{"no currency", where(`{"attr":"a","op":"gt","value":{"minor":1,"currency":"euro"}}`), []string{"/where/value/currency invalid"}},
		{"half an amount", where(`{"attr":"a","op":"gt","value":{"minor":1.5,"cents":1}}`), []string{"/where/value/cents unknown", "/where/value/currency required", "/where/value/minor out_of_range"}},
		{"no type", where(`{"attr":"a","type":"int","op":"eq","value":1}`), []string{"/where/type unknown"}},
		{"another type", where(`{"attr":"a","type":"string","op":"eq","value":1}`), []string{"/where/type wrong_type"}},
		{"a type that is not compared", where(`{"attr":"a","type":"date","op":"eq","value":1}`), []string{"/where/type wrong_type"}},
		{"a type without a literal", where(`{"attr":"a","type":"bool","op":"is_true"}`), []string{"/where/type not_applicable"}},
		{"case of a number", where(`{"attr":"a","op":"eq","value":1,"ci":true}`), []string{"/where/ci not_applicable"}},
		{"no bool", where(`{"attr":"a","op":"eq","value":"x","ci":1,"cast":"yes"}`), []string{"/where/cast wrong_type", "/where/ci wrong_type"}},
		{"no verdict", where(`{"attr":"a","op":"eq","value":"x","missing":"maybe"}`), []string{"/where/missing unknown"}},
		{"a verdict on being missing", where(`{"attr":"a","op":"unset","missing":"match"}`), []string{"/where/missing not_applicable"}},
		{"a verdict on an event", where(`{"event":"a","missing":"match"}`), []string{"/where/missing unknown"}},
		{"a long key", where(`{"attr":"` + long + `","op":"set"}`), []string{"/where/attr too_long"}},
		{"a long path", where(`{"attr":"a","path":["1","2","3","4","5","6","7","8","9"],"op":"set"}`), []string{"/where/path too_long"}},
		{"an odd path", where(`{"attr":"a","path":["",2],"op":"set"}`), []string{"/where/path/0 required", "/where/path/1 wrong_type"}},
		{"a bad pattern", where(`{"attr":"a","op":"regex","value":"(a"}`), []string{"/where/value invalid"}},
		{"a pattern RE2 lacks", where(`{"attr":"a","op":"regex","value":"(a)\\1"}`), []string{"/where/value invalid"}},
		{"a pattern that explodes", where(`{"attr":"a","op":"regex","value":"((a{100}){100}){100}"}`), []string{"/where/value invalid"}},
		{"too many patterns", where(`{"all":[` + strings.Repeat(`{"attr":"a","op":"regex","value":"x"},`, filter.MaxPatterns) + `{"attr":"a","op":"regex","value":"y"}]}`), []string{"/where/all/50/value too_many"}},
		{"an escape of nothing", where(`{"attr":"a","op":"like","value":"a\\\\\\"}`), []string{"/where/value invalid"}},
		{"an empty fragment", where(`{"attr":"a","op":"contains","value":""}`), []string{"/where/value required"}},
		{"no weekday", where(`{"attr":"a","op":"day_of_week","value":[0,1.5,"mon"]}`), []string{"/where/value/0 out_of_range", "/where/value/1 out_of_range", "/where/value/2 wrong_type"}},
		{"no period", where(`{"attr":"a","op":"during","value":"next_decade"}`), []string{"/where/value unknown"}},
		{"no span", where(`{"attr":"a","op":"last","value":{"n":0,"unit":"fortnight"}}`), []string{"/where/value/n out_of_range", "/where/value/unit unknown"}},
		{"no count", where(`{"event":"e","op":"gte","value":"2"}`), []string{"/where/value wrong_type"}},
		{"counts in the wrong order", where(`{"event":"e","op":"between","value":[5,2]}`), []string{"/where/value out_of_range"}},
		{"a count that is not asked for", where(`{"event":"e","value":2}`), []string{"/where/value not_applicable"}},
		{"another operator", where(`{"event":"e","op":"contains","value":2}`), []string{"/where/op unknown"}},
		{"an attribute of an event", where(`{"event":"e","where":{"attr":"a","op":"set"}}`), []string{"/where/where misplaced"}},
		{"a property of a contact", where(`{"prop":"a","op":"set"}`), []string{"/where misplaced"}},
		{"a window in words", where(`{"event":"e","window":"7d"}`), []string{"/where/window wrong_type"}},
		{"two windows", where(`{"event":"e","window":{"last":"7d","ever":true}}`), []string{"/where/window/last unknown"}},
		{"no window", where(`{"event":"e","window":{}}`), []string{"/where/window required"}},
		{"a window of nothing", where(`{"event":"e","window":{"last":"0d"}}`), []string{"/where/window out_of_range", "/where/window/last out_of_range"}},
		{"a window of a century", where(`{"event":"e","window":{"last":"36500d"}}`), []string{"/where/window/last invalid"}},
		{"a window that overflows", where(`{"event":"e","window":{"last":"99999999999d"}}`), []string{"/where/window/last invalid"}},
		{"ends of a window", where(`{"event":"e","window":{"between":["30d","90d"]}}`), []string{"/where/window out_of_range"}},
		{"instants of a window", where(`{"event":"e","window":{"from":"2026-02-01T00:00:00Z","until":"2026-01-01T00:00:00Z"}}`), []string{"/where/window/until out_of_range"}},
		{"a calendar of hours", where(`{"event":"e","window":{"calendar":"last","n":3,"unit":"hour"}}`), []string{"/where/window/unit invalid"}},
		{"a list in no state", where(`{"member":"list","id":"l","state":"maybe"}`), []string{"/where/state unknown"}},
		{"the state of a tag", where(`{"member":"tag","id":"l","state":"subscribed"}`), []string{"/where/state unknown"}},
		{"a bucket out of range", where(`{"bucket":{"salt":"","from":-1,"to":10001,"x":1}}`), []string{"/where/bucket/from out_of_range", "/where/bucket/salt required", "/where/bucket/to out_of_range", "/where/bucket/x unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, err := filter.Parse([]byte(c.document))
			if got := faultsOf(t, err); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			if f.Where != nil {
				t.Errorf("a filter beside an error: %v", f)
			}
		})
	}
}

func TestReservedWordsAreRefusedAsUnsupported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ condition, path string }{
		{`{"seq":[{"event":"a","as":"c"},{"event":"b","absent":true}],"window":{"last":"7d"}}`, "/where/seq"},
		{`{"last":"Plan Changed","where":{"prop":"s","op":"set"},"has":{"prop":"to","op":"set"}}`, "/where/last"},
		{`{"rel":"deal","quant":"count","op":"gte","value":1,"where":{"all":[]}}`, "/where/rel"},
		{`{"geo":"last_location","op":"within_km","value":{"lat":48.85,"lon":2.35,"km":25}}`, "/where/geo"},
		{`{"event":"o","agg":"sum","prop":"revenue","currency":"EUR","op":"gt","value":500}`, "/where/agg"},
		{`{"event":"o","min_age":"7d"}`, "/where/min_age"},
		{`{"event":"o","window":{"since":{"attr":"signup"}}}`, "/where/window/since"},
		{`{"member":"campaign","id":"cmp1","did":"clicked_human"}`, "/where/member"},
		{`{"attr":"plan","op":"changed_in","window":{"last":"7d"}}`, "/where/op"},
		{`{"attr":"plan","op":"been","value":"x","for":"7d"}`, "/where/op"},
		{`{"attr":"rows","op":"elem","where":{"all":[]}}`, "/where/op"},
		{`{"event":"o","where":{"prop":"p","op":"eq","value":{"ref":"c.cart_id"}}}`, "/where/where/value/ref"},
	} {
		_, err := filter.Parse([]byte(where(c.condition)))
		if got := faultsOf(t, err); len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), c.path+" "+filter.FaultUnsupported) {
			t.Errorf("%s: got %q", c.condition, got)
		} else if strings.Contains(strings.Join(got, "\n"), filter.FaultUnknown) {
			t.Errorf("%s: reserved words are unknown: %q", c.condition, got)
		}
	}
}

// TestSpecifiedDocument reads the document that the language was specified with
// and finds exactly the parts that this version lacks.
func TestSpecifiedDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("testdata/specified.json")
	if err != nil {
		t.Fatal(err)
	}
	_, err = filter.Parse(document)
	want := []string{
		"/where/all/2/any/1/agg unsupported", "/where/all/4/seq unsupported", "/where/all/5/last unsupported",
		"/where/all/9/member unsupported", "/where/all/10/rel unsupported", "/where/all/11/geo unsupported",
	}
	got := faultsOf(t, err)
	for _, w := range want {
		if !strings.Contains("\n"+strings.Join(got, "\n")+"\n", "\n"+w+"\n") {
			t.Errorf("missing %q", w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %q", got)
	}
}
