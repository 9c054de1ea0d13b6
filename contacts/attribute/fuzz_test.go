package attribute_test

import (
	"testing"

	"github.com/go-engage/engage/contacts/attribute"
)

var seeds = []string{
	`null`, `"a\u0000"`, `{"b":1e3,"a":[1.50,-0,null],"a b":9007199254740993}`, `{"a":1,"\u0061":2}`, `"\ud800"`, `1e-128`, `-0.0e9`, `[[[[]]]]`,
	`{"lat":"48.85","lon":2.35}`, `{"minor":1999,"currency":"EUR"}`, `"2026-03-29T03:00:00.1234567+02:00"`, `"0000-12-31"`, `" 12 "`, `"<&>\u2028"`, "\"\xff\"",
}

// A value that is read is canonical: read again it is the same.
func FuzzParse(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := attribute.Parse(doc)
		if err != nil {
			return
		}
		if err := v.Validate(); err != nil {
			t.Fatal(err)
		}
		again, err := attribute.Parse([]byte(v.String()))
		if err != nil || again != v {
			t.Fatalf("%s is read back as %s, %v", v, again, err)
		}
		if made := remake(v); made != v {
			t.Fatalf("%s is made again as %s", v, made)
		}
	})
}

// remake makes a value of its parts.
func remake(v attribute.Value) attribute.Value {
	if text, ok := v.Text(); ok {
		return attribute.String(text)
	}
	if elements, ok := v.Elements(); ok {
		for i := range elements {
			elements[i] = remake(elements[i])
		}
		return attribute.List(elements...)
	}
	if members, ok := v.Members(); ok {
		for key := range members {
			members[key] = remake(members[key])
		}
		return attribute.Object(members)
	}
	return v
}

// A value that has become one of a type stays what it is.
func FuzzCoerce(f *testing.F) {
	for i, seed := range seeds {
		f.Add([]byte(seed), uint8(i), "red")
	}
	f.Fuzz(func(t *testing.T, doc []byte, which uint8, option string) {
		v, err := attribute.Parse(doc)
		if err != nil {
			return
		}
		types := attribute.Types()
		d := attribute.Definition{Type: types[int(which)%len(types)], Options: []string{option}, Element: types[int(which/16)%len(types)]}
		if d.Element == attribute.TypeList || d.Element == attribute.TypeEnum {
			d.Element = attribute.TypeString
		}
		once, err := d.Coerce(v)
		if err != nil {
			return
		}
		if twice, err := d.Coerce(once); err != nil || twice != once {
			t.Fatalf("%s as %s is %s, then %s, %v", v, d.Type, once, twice, err)
		}
		if again, err := attribute.Parse([]byte(once.String())); once.Validate() == nil && (err != nil || again != once) {
			t.Fatalf("%s is read back as %s, %v", once, again, err)
		}
	})
}
