package attribute_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// A row is a type, what it takes and what becomes of it; "" means refused.
func TestCoerce(t *testing.T) {
	t.Parallel()
	long := `"` + strings.Repeat("x", engage.MaxKeyBytes+1) + `"`
	for _, c := range []struct {
		of       attribute.Definition
		in, want string
	}{
		{attribute.Definition{Type: attribute.TypeString}, `"pro"`, `"pro"`},
		{attribute.Definition{Type: attribute.TypeString}, `12.50`, `"12.5"`},
		{attribute.Definition{Type: attribute.TypeString}, `true`, `"true"`},
		{attribute.Definition{Type: attribute.TypeString}, long, ``},
		{attribute.Definition{Type: attribute.TypeString}, `["a"]`, ``},
		{attribute.Definition{Type: attribute.TypeText}, long, long},
		{attribute.Definition{Type: attribute.TypeText}, `{}`, ``},
		{attribute.Definition{Type: attribute.TypeInteger}, `9223372036854775807`, `9223372036854775807`},
		{attribute.Definition{Type: attribute.TypeInteger}, `9223372036854775808`, ``},
		{attribute.Definition{Type: attribute.TypeInteger}, `" 9007199254740993 "`, `9007199254740993`},
		{attribute.Definition{Type: attribute.TypeInteger}, `1e3`, `1000`},
		{attribute.Definition{Type: attribute.TypeInteger}, `1.5`, ``},
		{attribute.Definition{Type: attribute.TypeInteger}, `true`, ``},
		{attribute.Definition{Type: attribute.TypeInteger}, `""`, ``},
		{attribute.Definition{Type: attribute.TypeDecimal}, `12345678901234567890.000000000000000000001`, `"12345678901234567890.000000000000000000001"`},
		{attribute.Definition{Type: attribute.TypeDecimal}, `"0.10"`, `"0.1"`},
		{attribute.Definition{Type: attribute.TypeDecimal}, `"12,5"`, ``},
		{attribute.Definition{Type: attribute.TypeBoolean}, `true`, `true`},
		{attribute.Definition{Type: attribute.TypeBoolean}, `" FALSE "`, `false`},
		{attribute.Definition{Type: attribute.TypeBoolean}, `1`, `true`},
		{attribute.Definition{Type: attribute.TypeBoolean}, `"0"`, `false`},
		{attribute.Definition{Type: attribute.TypeBoolean}, `2`, ``},
		{attribute.Definition{Type: attribute.TypeBoolean}, `"yes"`, ``},
		{attribute.Definition{Type: attribute.TypeDate}, `" 2024-02-29 "`, `"2024-02-29"`},
		{attribute.Definition{Type: attribute.TypeDate}, `"2023-02-29"`, ``},
		{attribute.Definition{Type: attribute.TypeDate}, `"2024-02-29T00:00:00Z"`, ``},
		{attribute.Definition{Type: attribute.TypeDatetime}, `"2026-03-29T03:00:00.1234567+02:00"`, `"2026-03-29T01:00:00.123456Z"`},
		{attribute.Definition{Type: attribute.TypeDatetime}, `"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00.000000Z"`},
		{attribute.Definition{Type: attribute.TypeDatetime}, `"0001-01-01T00:00:00+01:00"`, ``},
		{attribute.Definition{Type: attribute.TypeDatetime}, `"9999-12-31T23:59:59-01:00"`, ``},
		{attribute.Definition{Type: attribute.TypeDatetime}, `"2026-03-29"`, ``},
		{attribute.Definition{Type: attribute.TypeDatetime}, `1774742400`, ``},
		{attribute.Definition{Type: attribute.TypeEnum, Options: []string{"red", "1"}}, `"red"`, `"red"`},
		{attribute.Definition{Type: attribute.TypeEnum, Options: []string{"red", "1"}}, `1`, `"1"`},
		{attribute.Definition{Type: attribute.TypeEnum, Options: []string{"red", "1"}}, `"Red"`, ``},
		{attribute.Definition{Type: attribute.TypeList, Element: attribute.TypeInteger}, `["1",2]`, `[1,2]`},
		{attribute.Definition{Type: attribute.TypeList, Element: attribute.TypeInteger}, `"7"`, `[7]`},
		{attribute.Definition{Type: attribute.TypeList, Element: attribute.TypeInteger}, `[1,"x"]`, ``},
		{attribute.Definition{Type: attribute.TypeList, Element: attribute.TypeInteger}, `[null]`, ``},
		{attribute.Definition{Type: attribute.TypeList, Element: attribute.TypeString}, `[]`, `[]`},
		{attribute.Definition{Type: attribute.TypeJSON}, `{"a":[1]}`, `{"a":[1]}`},
		{attribute.Definition{Type: attribute.TypeGeo}, `{"lon":"2.350","lat":48.85}`, `{"lat":"48.85","lon":"2.35"}`},
		{attribute.Definition{Type: attribute.TypeGeo}, `{"lon":180.0000001,"lat":0}`, ``},
		{attribute.Definition{Type: attribute.TypeGeo}, `{"lon":0,"lat":-91}`, ``},
		{attribute.Definition{Type: attribute.TypeGeo}, `{"lat":0}`, ``},
		{attribute.Definition{Type: attribute.TypeGeo}, `{"lat":0,"lon":0,"alt":0}`, ``},
		{attribute.Definition{Type: attribute.TypeGeo}, `[0,0]`, ``},
		{attribute.Definition{Type: attribute.TypeMoney}, `{"minor":1.999e3,"currency":"EUR"}`, `{"currency":"EUR","minor":1999}`},
		{attribute.Definition{Type: attribute.TypeMoney}, `{"minor":1,"currency":"eur"}`, ``},
		{attribute.Definition{Type: attribute.TypeMoney}, `{"minor":19.99,"currency":"EUR"}`, ``},
		{attribute.Definition{Type: attribute.TypeMoney}, `{"currency":"EUR"}`, ``},
		{attribute.Definition{Type: attribute.TypeMoney}, `{"minor":1,"currency":"EUR","vat":2}`, ``},
		{attribute.Definition{Type: attribute.TypeMoney}, `"19.99 EUR"`, ``},
		{attribute.Definition{Type: "colour"}, `"red"`, ``},
	} {
		t.Run(string(c.of.Type)+" takes "+c.in[:min(len(c.in), 60)], func(t *testing.T) {
			t.Parallel()
			got, err := c.of.Coerce(parse(t, c.in))
			if c.want == "" {
				if !errors.Is(err, engage.ErrInvalid) || len(engage.FieldsOf(err)) != 1 {
					t.Errorf("want ErrInvalid, got %s, %v", got, err)
				}
				return
			}
			if err != nil || got.String() != c.want {
				t.Errorf("got %s, %v, want %s", got, err, c.want)
			}
			if again, err := c.of.Coerce(got); again != got || err != nil {
				t.Errorf("coerced again it is %s, %v", again, err)
			}
		})
	}
	t.Run("every type keeps null", func(t *testing.T) {
		t.Parallel()
		for _, of := range attribute.Types() {
			if got, err := (attribute.Definition{Type: of}).Coerce(attribute.Null); got != attribute.Null || err != nil {
				t.Errorf("%s: %s, %v", of, got, err)
			}
		}
	})
}
