package attribute

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

// Type is what values of an attribute are.
type Type string

// The types of attributes and how their values stand in JSON.
const (
	TypeString   Type = "string"   // text of up to 255 bytes: "pro"
	TypeText     Type = "text"     // longer text
	TypeInteger  Type = "integer"  // a 64-bit whole number: 12
	TypeDecimal  Type = "decimal"  // an exact number, as text: "12.5"
	TypeBoolean  Type = "boolean"  // true
	TypeDate     Type = "date"     // a civil date: "2026-01-31"
	TypeDatetime Type = "datetime" // an instant: "2026-01-31T12:00:00.000000Z"
	TypeEnum     Type = "enum"     // one of the definition's options: "red"
	TypeList     Type = "list"     // values of the definition's element type: ["a","b"]
	TypeJSON     Type = "json"     // anything
	TypeGeo      Type = "geo"      // a place: {"lat":"48.85","lon":"2.35"}
	TypeMoney    Type = "money"    // an amount: {"currency":"EUR","minor":1999}
)

// Types lists every type.
func Types() []Type {
	return []Type{
		TypeString, TypeText, TypeInteger, TypeDecimal, TypeBoolean, TypeDate, TypeDatetime,
		TypeEnum, TypeList, TypeJSON, TypeGeo, TypeMoney,
	}
}

// Definition declares an attribute of one type of object in one workspace.
type Definition struct {
	Object    string // the type of object, as "contact"
	Key       string
	Label     string // for people; "": the key
	Type      Type
	Element   Type     // what a list holds; for lists only
	Options   []string // what an enum allows; for enums only
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Repository keeps definitions.
type Repository interface {
	// Define stores definitions, replacing those of the same object and key, all
	// or none. It needs a transaction in ctx.
	Define(ctx context.Context, ws engage.WorkspaceID, definitions []Definition) error
	// Definitions answers all definitions of an object type, ordered by key.
	Definitions(ctx context.Context, ws engage.WorkspaceID, object string) ([]Definition, error)
	// Undefine removes definitions by key and answers how many there were. Values
	// stay on the objects. It needs a transaction in ctx.
	Undefine(ctx context.Context, ws engage.WorkspaceID, object string, keys []string) (int, error)
}

// Validate adds what is wrong with the definition to faults, under path.
func (d Definition) Validate(faults *engage.Faults, path string) {
	if d.Object == "" || len(d.Object) > engage.MaxKeyBytes {
		faults.Add(path+"object", "invalid", "name the type of object in at most %d bytes", engage.MaxKeyBytes)
	}
	ValidateKey(faults, path+"key", d.Key)
	if !slices.Contains(Types(), d.Type) {
		faults.Add(path+"type", "unknown", "%.40q is no attribute type", string(d.Type))
	}
	if d.Type == TypeList && (!slices.Contains(Types(), d.Element) || d.Element == TypeList || d.Element == TypeEnum) {
		faults.Add(path+"element", "invalid", "a list needs the type of its elements, other than list and enum")
	}
	if len(d.Label) > engage.MaxKeyBytes || !isText(d.Label) {
		faults.Add(path+"label", "invalid", "at most %d bytes of UTF-8 without control characters", engage.MaxKeyBytes)
	}
	if d.Type == TypeEnum {
		d.validateOptions(faults, path+"options")
	}
}

func (d Definition) validateOptions(faults *engage.Faults, path string) {
	if len(d.Options) == 0 || len(d.Options) > MaxOptions {
		faults.Add(path, "invalid", "an enum needs 1 to %d options", MaxOptions)
		return
	}
	seen := map[string]bool{}
	for i, option := range d.Options {
		if at := path + "[" + strconv.Itoa(i) + "]"; len(option) > engage.MaxKeyBytes || !isText(option) {
			faults.Add(at, "invalid", "at most %d bytes of UTF-8 without control characters", engage.MaxKeyBytes)
		} else if seen[option] {
			faults.Add(at, "duplicate", "%.40q stands twice", option)
		}
		seen[option] = true
	}
}

// ValidateKey adds a fault unless key can name an attribute: 1 to MaxKeyBytes of
// UTF-8, without control characters.
func ValidateKey(faults *engage.Faults, path, key string) {
	switch {
	case key == "":
		faults.Add(path, "required", "an attribute needs a key")
	case len(key) > MaxKeyBytes:
		faults.Add(path, "too_long", "%d bytes, at most %d", len(key), MaxKeyBytes)
	case !isText(key):
		faults.Add(path, "invalid", "control characters and broken UTF-8 are refused")
	}
}

func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// Coerce answers value as one of the definition's type, converting where nothing
// is lost: "12" becomes the integer 12, 1 becomes the text "1", an instant is
// brought to UTC. What does not convert answers ErrInvalid. Null stays null.
func (d Definition) Coerce(value Value) (Value, error) {
	if value.IsNull() {
		return value, nil
	}
	if d.Type != TypeList {
		return coerce(d.Type, d.Options, value)
	}
	elements, ok := value.Elements()
	if !ok {
		elements = []Value{value}
	}
	for i, e := range elements {
		coerced, err := coerce(d.Element, nil, e)
		if err != nil {
			return Value{}, err
		}
		elements[i] = coerced
	}
	return List(elements...), nil
}

func coerce(t Type, options []string, v Value) (Value, error) {
	switch t {
	case TypeString, TypeText, TypeEnum:
		return coerceText(t, options, v)
	case TypeInteger, TypeDecimal:
		return coerceNumber(t, v)
	case TypeBoolean:
		return coerceBoolean(v)
	case TypeDate:
		if s, ok := v.Text(); ok {
			if d, err := time.Parse(time.DateOnly, strings.TrimSpace(s)); err == nil {
				return Date(d.Date()), nil
			}
		}
		return Value{}, mismatch(t, v)
	case TypeDatetime:
		return coerceDatetime(v)
	case TypeGeo:
		return coerceGeo(v)
	case TypeMoney:
		return coerceMoney(v)
	case TypeJSON, TypeList:
		return v, nil
	}
	return Value{}, mismatch(t, v)
}

func coerceText(t Type, options []string, v Value) (Value, error) {
	s, ok := v.Text()
	if !ok {
		n, isNumber := v.Number()
		b, isBool := v.Bool()
		switch {
		case isNumber:
			s = n
		case isBool:
			s = strconv.FormatBool(b)
		default:
			return Value{}, mismatch(t, v)
		}
	}
	if t == TypeString && len(s) > engage.MaxKeyBytes {
		return Value{}, fault("too_long", "%d bytes, at most %d; a longer text has the type %q", len(s), engage.MaxKeyBytes, TypeText)
	}
	if t == TypeEnum && !slices.Contains(options, s) {
		return Value{}, fault("not_an_option", "%.40q is not among the options", s)
	}
	return String(s), nil
}

func coerceNumber(t Type, v Value) (Value, error) {
	n, ok := v.Number()
	if !ok {
		s, isText := v.Text()
		if !isText {
			return Value{}, mismatch(t, v)
		}
		var err error
		if n, err = canonicalNumber(strings.TrimSpace(s)); err != nil {
			return Value{}, mismatch(t, v)
		}
	}
	if t == TypeDecimal {
		return String(n), nil
	}
	i, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		return Value{}, mismatch(t, v)
	}
	return Integer(i), nil
}

func coerceBoolean(v Value) (Value, error) {
	if _, ok := v.Bool(); ok {
		return v, nil
	}
	s, ok := v.Text()
	if !ok {
		s, _ = v.Number()
	}
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "1":
		return Boolean(true), nil
	case "false", "0":
		return Boolean(false), nil
	}
	return Value{}, mismatch(TypeBoolean, v)
}

func coerceDatetime(v Value) (Value, error) {
	s, ok := v.Text()
	if !ok {
		return Value{}, mismatch(TypeDatetime, v)
	}
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(s))
	if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		return Value{}, mismatch(TypeDatetime, v)
	}
	return Datetime(t), nil
}

func coerceGeo(v Value) (Value, error) {
	place, ok := v.Go().(map[string]any)
	if !ok {
		return Value{}, mismatch(TypeGeo, v)
	}
	inRange := func(key string, bound float64) (string, bool) {
		var text string
		switch t := place[key].(type) {
		case string:
			text = t
		case interface{ String() string }:
			text = t.String()
		}
		n, err := canonicalNumber(text)
		if err != nil {
			return "", false
		}
		f, err := strconv.ParseFloat(n, 64) // only the range is judged; the text is kept
		return n, err == nil && f >= -bound && f <= bound
	}
	lat, latOK := inRange("lat", 90)
	lon, lonOK := inRange("lon", 180)
	if !latOK || !lonOK || len(place) != 2 {
		return Value{}, mismatch(TypeGeo, v)
	}
	return Value{`{"lat":` + quote(lat) + `,"lon":` + quote(lon) + `}`}, nil
}

func coerceMoney(v Value) (Value, error) {
	members, ok := v.Members()
	var m engage.Money
	_, hasMinor := members["minor"]
	if !ok || !hasMinor || len(members) != 2 || m.UnmarshalJSON([]byte(v.String())) != nil {
		return Value{}, mismatch(TypeMoney, v)
	}
	return Object(Set{"currency": String(string(m.Currency)), "minor": Integer(m.Minor)}), nil
}

func mismatch(t Type, v Value) error {
	return fault("wrong_type", "%.40s is no %s", v.String(), t)
}
