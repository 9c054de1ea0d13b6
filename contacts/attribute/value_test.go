package attribute_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// parse is Parse of what must be good.
func parse(t testing.TB, doc string) attribute.Value {
	t.Helper()
	v, err := attribute.Parse([]byte(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	return v
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ does, in, want string }{
		{"drops space", ` { "b" : [ 1 , 2 ] , "a" : null } `, `{"a":null,"b":[1,2]}`},
		{"sorts keys at every depth", `{"b":{"d":1,"c":2},"a b":1,"a":0}`, `{"a b":1,"a":0,"b":{"c":2,"d":1}}`},
		{"keeps whole numbers beyond floats", `9007199254740993`, `9007199254740993`},
		{"keeps decimals beyond floats", `12345678901234567890.000000000000000000001`, `12345678901234567890.000000000000000000001`},
		{"spells numbers without exponents", `[1e3,1.5E-3,-2.50e1,0.0e9]`, `[1000,0.0015,-25,0]`},
		{"drops needless zeros", `[1.50,100,0.10,-0,-0.0]`, `[1.5,100,0.1,0,0]`},
		{"spells texts in one way", `"\u0061\/<&>\u00e9\ud83d\ude00\n"`, `"a/<&>é😀\n"`},
		{"takes a lone surrogate for U+FFFD", `"\ud800"`, `"` + "\ufffd" + `"`},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			if got := parse(t, c.in).String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for _, c := range []struct{ refuses, in, code string }{
		{"nothing", "", "invalid_json"},
		{"two values", "1 2", "invalid_json"},
		{"an open object", `{"a":1`, "invalid_json"},
		{"an open list", `[1,`, "invalid_json"},
		{"a number as a key", `{1:2}`, "invalid_json"},
		{"broken UTF-8", "\"\xff\"", "not_utf8"},
		{"NUL in a text", `"a\u0000b"`, "nul"},
		{"NUL in a key", `{"a\u0000":1}`, "nul"},
		{"a doubled key", `{"a":1,"\u0061":2}`, "duplicate_key"},
		{"a number of too many digits", strings.Repeat("9", attribute.MaxDigits+1), "too_long"},
		{"an exponent that would make one", `1e129`, "too_long"},
		{"an exponent beyond all", `1e99999999999999999999`, "not_a_number"},
		{"a value that is too long", `"` + strings.Repeat("x", attribute.MaxValueBytes) + `"`, "too_long"},
		{"a value that is too deep", strings.Repeat("[", attribute.MaxDepth+1) + strings.Repeat("]", attribute.MaxDepth+1), "too_deep"},
	} {
		t.Run("refuses "+c.refuses, func(t *testing.T) {
			t.Parallel()
			_, err := attribute.Parse([]byte(c.in))
			if !errors.Is(err, engage.ErrInvalid) || engage.FieldsOf(err)[0].Code != c.code {
				t.Errorf("want %s, got %v", c.code, err)
			}
		})
	}
}

func TestAValue(t *testing.T) {
	t.Parallel()
	t.Run("is equal to another exactly when they mean the same", func(t *testing.T) {
		t.Parallel()
		if parse(t, `{"b":1.0,"a":"x"}`) != attribute.Object(attribute.Set{"a": attribute.String("x"), "b": attribute.Integer(1)}) {
			t.Error("a parsed object differs from one that was made")
		}
		if attribute.String("1") == attribute.Integer(1) {
			t.Error("a text is no number")
		}
	})
	t.Run("is as it was made, whoever makes it", func(t *testing.T) {
		t.Parallel()
		for _, v := range []attribute.Value{
			attribute.String("<&>\u2028\\\" 😀\x00\xff"), attribute.Integer(math.MinInt64), attribute.Boolean(false), attribute.Date(2024, 2, 30),
			attribute.Datetime(time.Unix(0, 999999999)), attribute.List(), attribute.List(attribute.Value{}, attribute.Null, attribute.String("")),
			attribute.Object(nil), attribute.Object(attribute.Set{"a b": attribute.Value{}, "a": attribute.Object(attribute.Set{"<": attribute.List()}), "\x00": attribute.Null}),
		} {
			if again := parse(t, v.String()); again != v {
				t.Errorf("%s is read back as %s", v, again)
			}
			if err := v.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("that is too large or too deep does not validate", func(t *testing.T) {
		t.Parallel()
		deep := attribute.List(attribute.String(`]}"`))
		for range attribute.MaxDepth - 1 {
			deep = attribute.List(deep)
		}
		if err := deep.Validate(); err != nil {
			t.Errorf("16 levels: %v", err)
		}
		for _, v := range []attribute.Value{attribute.List(deep), attribute.String(strings.Repeat("x", attribute.MaxValueBytes-1))} {
			if err := v.Validate(); !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("want ErrInvalid, got %v", err)
			}
		}
	})
	t.Run("gives out what it holds, and no other type", func(t *testing.T) {
		t.Parallel()
		v := parse(t, `{"s":"x","n":12.5,"b":true,"l":[1,"a"],"o":{}}`)
		members, _ := v.Members()
		text, isText := members["s"].Text()
		number, isNumber := members["n"].Number()
		truth, isBool := members["b"].Bool()
		elements, isList := members["l"].Elements()
		if text != "x" || number != "12.5" || !truth || len(elements) != 2 || !isText || !isNumber || !isBool || !isList || !members["o"].IsObject() {
			t.Error("a member is not what it was")
		}
		for key, member := range members {
			_, isText := member.Text()
			_, isNumber := member.Number()
			_, isBool := member.Bool()
			_, isList := member.Elements()
			_, isObject := member.Members()
			n := 0
			for _, is := range []bool{isText, isNumber, isBool, isList, isObject} {
				if is {
					n++
				}
			}
			if n != 1 || isObject != member.IsObject() {
				t.Errorf("%s is of %d types", key, n)
			}
		}
		got := fmt.Sprintf("%#v", v.Go())
		want := fmt.Sprintf("%#v", map[string]any{"s": "x", "n": json.Number("12.5"), "b": true, "l": []any{json.Number("1"), "a"}, "o": map[string]any{}})
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if (attribute.Value{}).Go() != nil || attribute.Null.Go() != nil {
			t.Error("nothing is nil")
		}
	})
	t.Run("of a decimal is exact, and canonical", func(t *testing.T) {
		t.Parallel()
		for in, want := range map[string]string{"12.50": "12.5", "007": "7", "1e-2": "0.01", "-0.0": "0", "99999999999999999999.99": "99999999999999999999.99"} {
			v, err := attribute.Decimal(in)
			if text, _ := v.Text(); err != nil || text != want {
				t.Errorf("%s: %s, %v", in, v, err)
			}
		}
		for _, in := range []string{"", "-", ".5", "5.", "+1", "1 ", "1,5", "0x1", "NaN", "Inf", "1e", "1e1.5", "١", "1_000", "--1"} {
			if v, err := attribute.Decimal(in); !errors.Is(err, engage.ErrInvalid) {
				t.Errorf("%q: %s, %v", in, v, err)
			}
		}
	})
}

func TestASet(t *testing.T) {
	t.Parallel()
	t.Run("is one document, whatever order it was filled in", func(t *testing.T) {
		t.Parallel()
		set := attribute.Set{"b": attribute.String("<"), "a b": attribute.Integer(1), "a": attribute.Null}
		doc := set.JSON()
		again, err := attribute.ParseSet(doc)
		if err != nil || string(again.JSON()) != string(doc) || string(doc) != `{"a b":1,"a":null,"b":"<"}` {
			t.Errorf("%s, %v", doc, err)
		}
		if empty, err := attribute.ParseSet([]byte("{}")); empty != nil || err != nil {
			t.Errorf("%v, %v", empty, err)
		}
		if _, err := attribute.ParseSet([]byte("[")); !errors.Is(err, engage.ErrInternal) {
			t.Errorf("want ErrInternal, got %v", err)
		}
	})
	t.Run("takes changes, leaves itself alone and says what changed", func(t *testing.T) {
		t.Parallel()
		set := attribute.Set{"same": attribute.Integer(1), "gone": attribute.Integer(2), "new": attribute.Integer(3)}
		got, changes, rejected := set.Apply(attribute.Set{
			"same": attribute.Integer(1), "gone": attribute.Null, "new": attribute.Integer(4), "more": attribute.Boolean(true),
			"never": attribute.Null, "absent": attribute.Value{},
		}, nil, attribute.AcceptUnknown)
		if string(got.JSON()) != `{"more":true,"new":4,"same":1}` || len(set) != 3 || rejected != nil {
			t.Errorf("%s, %s, %v", got.JSON(), set.JSON(), rejected)
		}
		if fmt.Sprint(changes) != `[{gone 2 } {more  true} {new 3 4}]` {
			t.Errorf("%v", changes)
		}
	})
	t.Run("has no more keys than the limit, and may still change and unset them", func(t *testing.T) {
		t.Parallel()
		set := attribute.Set{}
		for i := range attribute.MaxKeys {
			set[fmt.Sprint("k", i)] = attribute.Integer(int64(i))
		}
		got, _, rejected := set.Apply(attribute.Set{"z": attribute.Integer(1), "k1": attribute.Integer(9), "k2": attribute.Null}, nil, attribute.AcceptUnknown)
		if got, _, rejected := got.Apply(attribute.Set{"z": attribute.Integer(1)}, nil, attribute.AcceptUnknown); len(got) != attribute.MaxKeys || rejected != nil {
			t.Errorf("%d keys, %v", len(got), rejected)
		}
		got, _, rejected2 := set.Apply(attribute.Set{"z": attribute.Integer(1)}, nil, attribute.AcceptUnknown)
		if len(got) != attribute.MaxKeys || len(rejected2) != 1 || rejected2[0].Code != "too_many" {
			t.Errorf("%d keys, %v, %v", len(got), rejected, rejected2)
		}
	})
}
