package filter_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/segments/filter"
)

// seeds are documents that reach every part of the decoder.
var seeds = []string{
	where(`{"all":[]}`),
	where(`{"all":[{"attr":"plan","op":"in","value":["pro","team"],"ci":true},{"any":[{"member":"tag","id":"vip","is":false},{"none":[{"member":"segment","id":"s"}]}]},{"not":{"member":"list","id":"n","state":"pending"}}]}`),
	where(`{"event":"Order Completed","where":{"all":[{"prop":"revenue","path":["a","b"],"op":"gte","value":"50.10","cast":true}]},"window":{"last":"30d"},"agg":"count","op":"between","value":[2,5]}`),
	where(`{"event":"e","op":"did_not","window":{"between":["90d","30d"]}}`),
	where(`{"event":"e","op":"lte","value":3,"window":{"from":"2026-01-01T00:00:00Z","until":"2026-02-01T00:00:00.5+02:00"}}`),
	where(`{"event":"e","window":{"calendar":"last","n":3,"unit":"month","tz":"contact"}}`),
	where(`{"any":[{"attr":"d","op":"on","value":"2026-01-01","tz":"Europe/Paris"},{"attr":"d","op":"between","value":["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z"]},{"attr":"d","op":"during","value":"last_week"},{"attr":"d","op":"last","value":{"n":3,"unit":"day"}},{"attr":"d","op":"anniversary","value":{"offset_days":-3}},{"attr":"d","op":"day_of_week","value":[1,7]},{"attr":"d","op":"hour_of_day","value":[0,23]},{"attr":"d","op":"passed"}]}`),
	where(`{"any":[{"attr":"m","op":"gt","value":{"minor":-5,"currency":"EUR"},"missing":"match"},{"attr":"n","type":"number","op":"eq","value":"9007199254740993"},{"attr":"s","op":"regex","value":"^a+$"},{"attr":"s","op":"like","value":"a\\\\%"},{"attr":"s","op":"length_gte","value":1e2},{"attr":"l","op":"has_none","value":[1,0.5]}]}`),
	where(`{"bucket":{"salt":"exp1","from":0,"to":5000}}`),
	where(`{"seq":[],"rel":1,"geo":2,"last":3}`),
	where(`{"attr":"\ud83d\ude00\u2028\u0001","op":"set"}`),
	`{"v":1,"v":2,"where":{"all":[{"x":1}]},"entity":"deal","tz":"UTC"} {}`,
}

// survives parses a document and, if it is one, holds it to its promises.
func survives(t *testing.T, document []byte) (valid bool) {
	t.Helper()
	f, err := filter.Parse(document)
	if err != nil {
		if !errors.Is(err, engage.ErrInvalid) || len(engage.FieldsOf(err)) == 0 {
			t.Fatalf("%q: an error without faults: %v", document, err)
		}
		for _, fault := range engage.FieldsOf(err) {
			if fault.Code == "" || fault.Message == "" || !utf8.ValidString(fault.Path+fault.Message) {
				t.Fatalf("%q: a poor fault %+v", document, fault)
			}
		}
		return false
	}
	encoded, err := f.MarshalJSON()
	if err != nil || !json.Valid(encoded) {
		t.Fatalf("%q: what parses does not encode: %v %v", document, err, engage.FieldsOf(err))
	}
	again, err := filter.Parse(encoded)
	if err != nil || !again.Equal(f) || again.Hash() != f.Hash() || !reflect.DeepEqual(again, f) {
		t.Fatalf("%q: comes back as %s: %v %v", document, encoded, err, engage.FieldsOf(err))
	}
	if err := f.Normal().Validate(); err != nil {
		t.Fatalf("%q: the normal form is invalid: %v %v", document, err, engage.FieldsOf(err))
	}
	_, _ = f.String(), f.References()
	return true
}

// FuzzParse holds the decoder to: no panic, and what parses re-encodes to an
// equal tree.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, document []byte) { survives(t, document) })
}

// FuzzParseNumber holds numbers to one spelling.
func FuzzParseNumber(f *testing.F) {
	for _, s := range []string{"0", "-1.50", "1e309", "1E-7", "9007199254740993", "00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := filter.ParseNumber(s)
		if err != nil {
			return
		}
		if again, err := filter.ParseNumber(n.String()); err != nil || again != n || n.Compare(again) != 0 {
			t.Fatalf("%q is %s, which is %s, %v", s, n, again, err)
		}
		if !json.Valid([]byte(n.String())) {
			t.Fatalf("%q is %s, which is not JSON", s, n)
		}
	})
}

// TestMutatedDocumentsNeverPanic is the test of security rule S8: stored
// documents that somebody tampered with are refused or read, nothing else.
func TestMutatedDocumentsNeverPanic(t *testing.T) {
	t.Parallel()
	corpus := append([]string{}, seeds...)
	specified, err := os.ReadFile("testdata/specified.json")
	if err != nil {
		t.Fatal(err)
	}
	corpus = append(corpus, string(specified))
	const rounds = 20_000
	r := rand.New(rand.NewPCG(8, 2026))
	read := 0
	for range rounds {
		document := []byte(corpus[r.IntN(len(corpus))])
		for range 1 + r.IntN(4) {
			document = mutate(document, corpus, r)
		}
		if survives(t, document) {
			read++
		}
	}
	if read < rounds/100 || read > rounds*99/100 {
		t.Errorf("%d of %d mutated documents were read: the mutations test little", read, rounds)
	}
}

var tokens = []string{
	`{`, `}`, `[`, `]`, `,`, `:`, `"`, `\`, `null`, `true`, `-1`, `1e309`, `0.1`, `99999999999999999999`, `""`, `"\u0000"`, "\x00", "\xff",
	`"ref"`, `{"$ref":"x"}`, `"__proto__"`, `"O:8:\"stdClass\":0:{}"`, `'; DROP TABLE x; --`, `{"all":[]}`, `"op":"eq",`, `"value":[],`, `"7d"`, `"contact"`,
	`{"not":`, `{"all":[`, `"2026-02-30"`, `"attr":"x",`,
}

func mutate(document []byte, corpus []string, r *rand.Rand) []byte {
	if len(document) == 0 {
		return []byte(tokens[r.IntN(len(tokens))])
	}
	i := r.IntN(len(document))
	j := min(len(document), i+r.IntN(12))
	switch r.IntN(7) {
	case 0: // flip a bit
		document[i] ^= 1 << r.IntN(8)
		return document
	case 1: // cut
		return append(document[:i:i], document[j:]...)
	case 2: // repeat a part
		return append(document[:j:j], document[i:]...)
	case 3: // put in a token
		return append(append(document[:i:i], tokens[r.IntN(len(tokens))]...), document[i:]...)
	case 4: // replace by a token
		return append(append(document[:i:i], tokens[r.IntN(len(tokens))]...), document[j:]...)
	case 5: // cross with another document
		other := corpus[r.IntN(len(corpus))]
		return append(document[:i:i], other[r.IntN(len(other)):]...)
	}
	return swapValues(document, r) // exchange two whole values
}

// swapValues exchanges two strings of a document.
func swapValues(document []byte, r *rand.Rand) []byte {
	parts := bytes.Split(document, []byte(`"`))
	if len(parts) < 5 {
		return document
	}
	a, b := 1+2*r.IntN(len(parts)/2), 1+2*r.IntN(len(parts)/2)
	parts[a], parts[b] = parts[b], parts[a]
	return bytes.Join(parts, []byte(`"`))
}
