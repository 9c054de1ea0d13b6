package messaging

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osteele/liquid/values"
)

// A template handles nil, bool, int, float64 and string as they are, and
// everything larger in the types below, which count the steps of each access.
// Nothing else enters an expression, so that the library's reflection never meets
// a struct, a method or a pointer.

// bind makes a value of the template's world of one from the data. Lists and maps
// are wrapped, not copied.
func (m *machine) bind(path string, v any) any {
	switch v := v.(type) {
	case nil, bool, int, float64, text, list, dict, markup, *forloop:
		return v
	case string:
		return text{m: m, s: v}
	case []any:
		return list{m: m, items: v}
	case map[string]any:
		return dict{m: m, fields: v}
	case []string:
		return bindSlice(m, v)
	case map[string]string:
		m.bound(len(v))
		m.charge(len(v) * stepsPerItem)
		fields := make(map[string]any, len(v))
		for key, value := range v {
			fields[key] = value
		}
		return dict{m: m, fields: fields}
	case []map[string]any:
		return bindSlice(m, v)
	case time.Time:
		return text{m: m, s: v.Format(time.RFC3339)}
	case json.Number:
		return bindNumber(v)
	case int8:
		return int(v)
	case int16:
		return int(v)
	case int32:
		return int(v)
	case int64:
		return int(v)
	case uint:
		return bindUint(uint64(v))
	case uint8:
		return int(v)
	case uint16:
		return int(v)
	case uint32:
		return int(v)
	case uint64:
		return bindUint(v)
	case float32:
		return float64(v)
	}
	m.refuse("%.80s has type %T, and templates take plain data", path, v)
	return nil
}

func bindSlice[T any](m *machine, v []T) list {
	m.bound(len(v))
	m.charge(len(v) * stepsPerItem)
	items := make([]any, len(v))
	for i := range v {
		items[i] = v[i]
	}
	return list{m: m, items: items}
}

func bindUint(v uint64) any {
	if v > math.MaxInt64 {
		return float64(v)
	}
	return int(v)
}

func bindNumber(v json.Number) any {
	if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
		return int(n)
	}
	if f, err := v.Float64(); err == nil {
		return f
	}
	return nil
}

// text is a string of the data: what looks at it pays for its length.
type text struct {
	m *machine
	s string
}

func (t text) Interface() any {
	t.m.charge(len(t.s) / bytesReadPerStep)
	return t.s
}
func (t text) read() values.Value                        { return values.ValueOf(t.Interface()) }
func (t text) Int() int                                  { return t.read().Int() }
func (t text) Test() bool                                { return true }
func (t text) Equal(other values.Value) bool             { return t.m.equal(t.Interface(), other.Interface()) }
func (t text) Less(other values.Value) bool              { return t.read().Less(other) }
func (t text) IndexValue(values.Value) values.Value      { return values.ValueOf(nil) }
func (t text) PropertyValue(i values.Value) values.Value { return t.read().PropertyValue(i) }

func (t text) Contains(part values.Value) bool {
	s, ok := part.Interface().(string)
	return ok && t.read().Contains(values.ValueOf(s))
}

// markup is HTML that has been escaped already: captured, or with <br>.
type markup struct {
	m    *machine
	html string
}

func (v markup) read() values.Value                        { return text{v.m, v.html}.read() }
func (v markup) Interface() any                            { return v }
func (v markup) Int() int                                  { return v.read().Int() }
func (v markup) Test() bool                                { return true }
func (v markup) Equal(other values.Value) bool             { return text{v.m, v.html}.Equal(other) }
func (v markup) Less(other values.Value) bool              { return v.read().Less(other) }
func (v markup) IndexValue(values.Value) values.Value      { return values.ValueOf(nil) }
func (v markup) PropertyValue(i values.Value) values.Value { return v.read().PropertyValue(i) }

func (v markup) Contains(part values.Value) bool { return text{v.m, v.html}.Contains(part) }

// list is a list of the data, or one that a filter made.
type list struct {
	m     *machine
	items []any
}

func (l list) Interface() any { return l }
func (l list) Int() int       { l.m.refuse("a list is no number"); return 0 }
func (l list) Test() bool     { return true }

// Equal is false: comparing lists would be work without a bound, and no template
// needs it.
func (l list) Equal(values.Value) bool { return false }
func (l list) Less(values.Value) bool  { return false }

func (l list) at(i int) values.Value {
	l.m.charge(1)
	if i < 0 {
		i += len(l.items)
	}
	if i < 0 || i >= len(l.items) {
		return values.ValueOf(nil)
	}
	return values.ValueOf(l.m.bind("an item", l.items[i]))
}

func (l list) IndexValue(i values.Value) values.Value {
	switch i := i.Interface().(type) {
	case int:
		return l.at(i)
	case float64:
		return l.at(int(i))
	}
	return values.ValueOf(nil)
}

func (l list) PropertyValue(name values.Value) values.Value {
	switch name.Interface() {
	case "first":
		return l.at(0)
	case "last":
		return l.at(-1)
	case "size":
		return values.ValueOf(len(l.items))
	}
	return values.ValueOf(nil)
}

func (l list) Contains(value values.Value) bool {
	wanted := value.Interface()
	for _, item := range l.items {
		if l.m.equal(l.m.bind("an item", item), wanted) {
			return true
		}
	}
	return false
}

// dict is a map of the data.
type dict struct {
	m      *machine
	fields map[string]any
}

func (d dict) Interface() any          { return d }
func (d dict) Int() int                { d.m.refuse("a map is no number"); return 0 }
func (d dict) Test() bool              { return true }
func (d dict) Equal(values.Value) bool { return false }
func (d dict) Less(values.Value) bool  { return false }

func (d dict) IndexValue(name values.Value) values.Value {
	d.m.charge(1)
	key, _ := name.Interface().(string)
	return values.ValueOf(d.m.bind(key, d.fields[key]))
}

func (d dict) PropertyValue(name values.Value) values.Value {
	key, _ := name.Interface().(string)
	if _, ok := d.fields[key]; !ok && key == "size" {
		return values.ValueOf(len(d.fields))
	}
	return d.IndexValue(name)
}

func (d dict) Contains(value values.Value) bool {
	d.m.charge(1)
	key, isKey := value.Interface().(string)
	_, ok := d.fields[key]
	return isKey && ok
}

func (d dict) keys() []string {
	d.m.charge(len(d.fields) * stepsPerItem)
	return slices.Sorted(maps.Keys(d.fields))
}

// forloop is where a loop stands. It moves with the loop.
type forloop struct{ index, length int }

func (f *forloop) Interface() any                         { return nil }
func (f *forloop) Int() int                               { return f.index + 1 }
func (f *forloop) Test() bool                             { return true }
func (f *forloop) Equal(values.Value) bool                { return false }
func (f *forloop) Less(values.Value) bool                 { return false }
func (f *forloop) Contains(values.Value) bool             { return false }
func (f *forloop) IndexValue(i values.Value) values.Value { return f.PropertyValue(i) }

func (f *forloop) PropertyValue(name values.Value) values.Value {
	switch name.Interface() {
	case "first":
		return values.ValueOf(f.index == 0)
	case "last":
		return values.ValueOf(f.index == f.length-1)
	case "length":
		return values.ValueOf(f.length)
	case "index":
		return values.ValueOf(f.index + 1)
	case "index0":
		return values.ValueOf(f.index)
	case "rindex":
		return values.ValueOf(f.length - f.index)
	case "rindex0":
		return values.ValueOf(f.length - f.index - 1)
	}
	return values.ValueOf(nil)
}

// equal compares two plain values; lists and maps equal nothing.
func (m *machine) equal(a, b any) bool {
	m.charge(1)
	if v, ok := b.(markup); ok {
		b = v.html
	}
	return values.ValueOf(a).Equal(values.ValueOf(b))
}

// text is how a value is printed: a list is its items without anything between
// them, a map is its JSON.
func (m *machine) text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		m.charge(len(v) / bytesReadPerStep)
		return v
	case text:
		return m.text(v.s)
	case markup:
		return m.text(v.html)
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case list:
		var b strings.Builder
		m.writeItems(&b, v, "", MaxTemplateDepth)
		return b.String()
	case dict:
		return m.json(v)
	}
	return m.text(m.bind("a value", v))
}

// writeItems writes the texts of a list's items and of the lists among them.
func (m *machine) writeItems(b *strings.Builder, l list, separator string, depth int) {
	m.bound(len(l.items))
	if depth == 0 {
		m.stop("too_deep", "a value of more than %d levels", MaxTemplateDepth)
	}
	for i, item := range l.items {
		m.charge(stepsPerItem)
		if i > 0 {
			b.WriteString(separator)
		}
		switch item := m.bind("an item", item).(type) {
		case list:
			m.writeItems(b, item, separator, depth-1)
		default:
			s := m.text(item)
			m.fits(b.Len() + len(s))
			m.charge(len(s) / bytesMadePerStep)
			b.WriteString(s)
		}
	}
}

// json writes a value without the help of reflection, so that its size is known
// while it grows: a small value can hold itself many times over.
func (m *machine) json(v any) string {
	var b strings.Builder
	m.writeJSON(&b, v, MaxTemplateDepth)
	return b.String()
}

func (m *machine) writeJSON(b *strings.Builder, v any, depth int) {
	m.charge(stepsPerItem)
	m.fits(b.Len())
	if depth == 0 {
		m.stop("too_deep", "a value of more than %d levels", MaxTemplateDepth)
	}
	switch v := m.bind("a value", v).(type) {
	case list:
		m.bound(len(v.items))
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			m.writeJSON(b, item, depth-1)
		}
		b.WriteByte(']')
	case dict:
		m.bound(len(v.fields))
		b.WriteByte('{')
		for i, key := range v.keys() {
			if i > 0 {
				b.WriteByte(',')
			}
			m.quoteJSON(b, key)
			b.WriteByte(':')
			m.writeJSON(b, v.fields[key], depth-1)
		}
		b.WriteByte('}')
	case text:
		m.quoteJSON(b, v.s)
	case markup:
		m.quoteJSON(b, v.html)
	case nil:
		b.WriteString("null")
	default:
		b.WriteString(m.text(v))
	}
}

func (m *machine) quoteJSON(b *strings.Builder, s string) {
	m.fits(b.Len() + len(s))
	m.charge(4 * len(s) / bytesMadePerStep) // quoted, copied, grown
	quoted, err := json.Marshal(s)
	if err != nil {
		quoted = []byte(`""`)
	}
	m.fits(b.Len() + len(quoted))
	b.Write(quoted)
}

// fits refuses strings that are longer than any output may be.
func (m *machine) fits(bytes int) {
	if bytes > MaxOutputBytes {
		m.stop("too_long", "a string of more than %d bytes", MaxOutputBytes)
	}
}

// made pays for what a filter made. Numbers that JSON does not know are nil.
func (m *machine) made(v any) any {
	switch v := v.(type) {
	case string:
		m.fits(len(v))
		m.charge(len(v) / bytesMadePerStep)
	case markup:
		m.fits(len(v.html))
		m.charge(len(v.html) / bytesMadePerStep)
	case []any:
		m.bound(len(v))
		m.charge(len(v) * stepsPerItem)
		return list{m: m, items: v}
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	}
	return v
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "a truth value"
	case int, float64:
		return "a number"
	case list:
		return "a list"
	case dict:
		return "a map"
	}
	return "a text"
}
