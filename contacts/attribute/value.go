package attribute

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

// Value is one attribute's value: JSON in canonical form, so that equal values
// are == and every store gives back the same bytes. Numbers are exact; no float
// is ever involved. The zero Value means: nothing is set.
type Value struct{ json string }

// Null is JSON's null. In an update it unsets an attribute.
var Null = Value{"null"}

// String makes a text. NUL and bytes that are not UTF-8, which databases do not
// keep, become U+FFFD.
func String(s string) Value { return Value{quote(s)} }

// Integer makes a whole number.
func Integer(n int64) Value { return Value{strconv.FormatInt(n, 10)} }

// Boolean makes a truth value.
func Boolean(b bool) Value { return Value{strconv.FormatBool(b)} }

// Datetime makes an instant, in UTC with microseconds.
func Datetime(t time.Time) Value { return String(formatInstant(t)) }

// Date makes a civil date.
func Date(year int, month time.Month, day int) Value {
	return String(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
}

// Decimal makes an exact number of its text, as "12.50"; it is kept as text, for
// JSON readers would cut a number to a float. Other text answers ErrInvalid.
func Decimal(text string) (Value, error) {
	n, err := canonicalNumber(text)
	if err != nil {
		return Value{}, err
	}
	return String(n), nil
}

// List makes a list; zero Values in it are null.
func List(elements ...Value) Value {
	parts := make([]string, len(elements))
	for i, e := range elements {
		parts[i] = e.orNull()
	}
	return Value{"[" + strings.Join(parts, ",") + "]"}
}

// Object makes an object of its members; zero Values in it are null.
func Object(members map[string]Value) Value { return Value{string(Set(members).JSON())} }

// Parse reads any JSON value. Text that is not UTF-8 or holds NUL, numbers of
// more than MaxDigits digits, doubled keys, nesting deeper than MaxDepth and
// values larger than MaxValueBytes answer ErrInvalid.
func Parse(raw []byte) (Value, error) {
	if len(raw) > MaxValueBytes {
		return Value{}, fault("too_long", "%d bytes, at most %d", len(raw), MaxValueBytes)
	}
	if !utf8.Valid(raw) {
		return Value{}, fault("not_utf8", "not valid UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var b strings.Builder
	if err := canonical(&b, dec, 0); err != nil {
		return Value{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Value{}, fault("invalid_json", "more than one JSON value")
	}
	if b.Len() > MaxValueBytes { // exponents have been spelled out
		return Value{}, fault("too_long", "%d bytes, at most %d", b.Len(), MaxValueBytes)
	}
	return Value{b.String()}, nil
}

// Validate answers ErrInvalid for a value that Parse would refuse: what String,
// List and Object make can be too large or nested too deep.
func (v Value) Validate() error {
	if len(v.json) > MaxValueBytes {
		return fault("too_long", "%d bytes, at most %d", len(v.json), MaxValueBytes)
	}
	depth, inText := 0, false
	for i := 0; i < len(v.json); i++ {
		switch c := v.json[i]; {
		case c == '"':
			inText = !inText
		case inText && c == '\\':
			i++
		case inText:
		case c == '[', c == '{':
			depth++
		case c == ']', c == '}':
			depth--
		}
		if depth > MaxDepth {
			return fault("too_deep", "nested deeper than %d", MaxDepth)
		}
	}
	return nil
}

// IsZero reports whether nothing is set.
func (v Value) IsZero() bool { return v.json == "" }

// IsNull reports whether the value is JSON's null.
func (v Value) IsNull() bool { return v == Null }

// String is the canonical JSON, or "" for the zero Value.
func (v Value) String() string { return v.json }

// Text is the value of a JSON string.
func (v Value) Text() (string, bool) {
	if !strings.HasPrefix(v.json, `"`) {
		return "", false
	}
	var s string
	if err := json.Unmarshal([]byte(v.json), &s); err != nil {
		return "", false
	}
	return s, true
}

// Number is the canonical text of a JSON number, as "12.5".
func (v Value) Number() (string, bool) {
	if v.json == "" || (v.json[0] != '-' && (v.json[0] < '0' || v.json[0] > '9')) {
		return "", false
	}
	return v.json, true
}

// Bool is the value of a JSON boolean.
func (v Value) Bool() (value, ok bool) {
	return v.json == "true", v.json == "true" || v.json == "false"
}

// Elements are the values of a JSON array.
func (v Value) Elements() ([]Value, bool) {
	if !strings.HasPrefix(v.json, "[") {
		return nil, false
	}
	var elements []Value
	if err := json.Unmarshal([]byte(v.json), &elements); err != nil {
		return nil, false
	}
	return elements, true
}

// Members are the values of a JSON object.
func (v Value) Members() (Set, bool) {
	if !strings.HasPrefix(v.json, "{") {
		return nil, false
	}
	var members Set
	if err := json.Unmarshal([]byte(v.json), &members); err != nil {
		return nil, false
	}
	return members, true
}

// IsObject reports whether the value is a JSON object.
func (v Value) IsObject() bool { return strings.HasPrefix(v.json, "{") }

// Go answers the value as templates take it: string, bool, []any,
// map[string]any, or json.Number for numbers; nil for null and the zero Value.
func (v Value) Go() any {
	if v.IsZero() {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(v.json))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		return nil
	}
	return out
}

// MarshalJSON is the canonical JSON; the zero Value is null.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(v.orNull()), nil }

func (v Value) orNull() string {
	if v.IsZero() {
		return "null"
	}
	return v.json
}

// UnmarshalJSON is Parse.
func (v *Value) UnmarshalJSON(data []byte) error {
	parsed, err := Parse(data)
	if err == nil {
		*v = parsed
	}
	return err
}

// canonical copies one JSON value from dec in canonical form: no spaces, keys
// sorted, numbers and strings in one spelling.
func canonical(b *strings.Builder, dec *json.Decoder, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return fault("invalid_json", "%v", err)
	}
	switch t := token.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(t))
	case string:
		if strings.ContainsRune(t, 0) {
			return fault("nul", "text must not hold NUL")
		}
		b.WriteString(quote(t))
	case json.Number:
		n, err := canonicalNumber(t.String())
		if err != nil {
			return err
		}
		b.WriteString(n)
	case json.Delim:
		if depth == MaxDepth {
			return fault("too_deep", "nested deeper than %d", MaxDepth)
		}
		if t == '[' {
			return canonicalArray(b, dec, depth)
		}
		return canonicalObject(b, dec, depth)
	}
	return nil
}

func canonicalArray(b *strings.Builder, dec *json.Decoder, depth int) error {
	b.WriteByte('[')
	for i := 0; dec.More(); i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := canonical(b, dec, depth+1); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	return closing(dec)
}

// member is one of an object's, its key spelled in JSON.
type member struct{ key, value string }

// sortMembers brings an object's members into canonical order: that of their
// keys as they are spelled.
func sortMembers(members []member) {
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
}

func canonicalObject(b *strings.Builder, dec *json.Decoder, depth int) error {
	var members []member
	for dec.More() {
		var key, value strings.Builder
		if err := canonical(&key, dec, depth+1); err != nil {
			return err
		}
		if err := canonical(&value, dec, depth+1); err != nil {
			return err
		}
		members = append(members, member{key.String(), value.String()})
	}
	sortMembers(members)
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			if m.key == members[i-1].key {
				return fault("duplicate_key", "the key %s stands twice", m.key)
			}
			b.WriteByte(',')
		}
		b.WriteString(m.key + ":" + m.value)
	}
	b.WriteByte('}')
	return closing(dec)
}

func closing(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return fault("invalid_json", "%v", err)
	}
	return nil
}

// quote spells a string in JSON, escaping only what JSON demands.
func quote(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return `"` + s + `"`
	}
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // strings always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// canonicalNumber writes a JSON number without exponent, leading plus, needless
// zeros or a negative zero.
func canonicalNumber(s string) (string, error) {
	bad := func() (string, error) { return "", fault("not_a_number", "%.40q is no number", s) }
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(s), "e")
	shift := 0
	if hasExponent {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return bad()
		}
	}
	negative := strings.HasPrefix(mantissa, "-")
	whole, fraction, hasPoint := strings.Cut(strings.TrimPrefix(mantissa, "-"), ".")
	if whole == "" || hasPoint && fraction == "" || !digits(whole) || !digits(fraction) {
		return bad()
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole)+len(fraction) > MaxDigits || shift > MaxDigits || shift < -MaxDigits {
		return "", fault("too_long", "a number of more than %d digits", MaxDigits)
	}
	all, point := whole+fraction, len(whole)+shift
	switch {
	case point <= 0:
		whole, fraction = "0", strings.Repeat("0", -point)+all
	case point >= len(all):
		whole, fraction = all+strings.Repeat("0", point-len(all)), ""
	default:
		whole, fraction = all[:point], all[point:]
	}
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if len(whole)+len(fraction) > MaxDigits {
		return "", fault("too_long", "a number of more than %d digits", MaxDigits)
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if negative && whole != "0" {
		whole = "-" + whole
	}
	return whole, nil
}

func digits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

func formatInstant(t time.Time) string {
	return engage.Instant(t).Format("2006-01-02T15:04:05.000000Z07:00")
}

// fault is an Invalid error of one value; its field path is filled in by whoever
// knows the attribute's key.
func fault(code, format string, args ...any) error {
	var faults engage.Faults
	faults.Add("value", code, format, args...)
	return faults.Err("attribute.Parse", "")
}

var _ fmt.Stringer = Value{}
