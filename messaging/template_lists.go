package messaging

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// asList is a value as a list: a map is the list of its values in the order of
// their keys, anything else a list of one.
func asList(m *machine, v any) list {
	switch v := v.(type) {
	case nil:
		return list{m: m}
	case list:
		m.bound(len(v.items))
		return v
	case dict:
		m.bound(len(v.fields))
		items := make([]any, 0, len(v.fields))
		for _, key := range v.keys() {
			items = append(items, v.fields[key])
		}
		return list{m: m, items: items}
	}
	return list{m: m, items: []any{v}}
}

// lists makes a filter of a function on the bound items of a list, which are its
// own to change.
func lists(fn func(m *machine, items []any) []any) filter {
	return func(m *machine, value any, _ []any) (any, error) {
		from := asList(m, value)
		m.charge(len(from.items) * stepsPerItem)
		items := make([]any, len(from.items))
		for i, item := range from.items {
			items[i] = m.bind("an item", item)
		}
		return fn(m, items), nil
	}
}

func itemAt(value any, i int) (any, error) {
	l, ok := value.(list)
	if !ok {
		return nil, nil
	}
	return l.at(i).Interface(), nil
}

func joinFilter(m *machine, value any, args []any) (any, error) {
	separator := " "
	if len(args) > 0 {
		separator = m.text(args[0])
	}
	l := asList(m, value)
	m.fits(len(l.items) * len(separator))
	var b strings.Builder
	m.writeItems(&b, l, separator, MaxTemplateDepth)
	return b.String(), nil
}

func concatFilter(m *machine, value any, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errArguments
	}
	a, b := asList(m, value), asList(m, args[0])
	m.bound(len(a.items) + len(b.items))
	return slices.Concat(a.items, b.items), nil
}

// mapFilter answers one field of each item.
func mapFilter(m *machine, value any, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errArguments
	}
	l, name := asList(m, value), m.text(args[0])
	items := make([]any, len(l.items))
	for i, item := range l.items {
		m.charge(1)
		if d, ok := m.bind("an item", item).(dict); ok {
			items[i] = d.fields[name]
		}
	}
	return items, nil
}

// whereFilter keeps the items whose field has a value, or is true.
func whereFilter(m *machine, value any, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errArguments
	}
	l, name := asList(m, value), m.text(args[0])
	var items []any
	for _, item := range l.items {
		m.charge(1)
		d, ok := m.bind("an item", item).(dict)
		if !ok {
			continue
		}
		field := m.bind(name, d.fields[name])
		if len(args) > 1 && m.equal(field, args[1]) || len(args) == 1 && field != nil && field != false {
			items = append(items, item)
		}
	}
	return items, nil
}

func sortItems(m *machine, items []any) []any {
	slices.SortStableFunc(items, func(a, b any) int { return compareItems(m, a, b) })
	return items
}

func uniqueItems(m *machine, items []any) []any {
	seen := map[string]bool{}
	return slices.DeleteFunc(items, func(item any) bool {
		m.charge(3 * stepsPerFilter)
		key := strconv.Itoa(rank(item)) + m.json(item)
		repeated := seen[key]
		seen[key] = true
		return repeated
	})
}

// dateFormats are the forms of an instant that a template may be given.
var dateFormats = []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"}

var errDate = errors.New("want a date as 2026-11-22 or an instant as 2026-11-22T10:00:00Z")

// dateFilter prints an instant, in the offset that it carries, by a format of
// strftime. Nothing is read from a clock: "now" is a variable like any other.
func dateFilter(m *machine, value any, args []any) (any, error) {
	format := "%Y-%m-%d"
	if len(args) > 0 {
		format = m.text(args[0])
	}
	if len(format) > 256 {
		return nil, errDate
	}
	m.charge(stepsPerFilter + 4*len(format))
	s := m.text(value)
	for _, layout := range dateFormats {
		if t, err := time.Parse(layout, s); err == nil {
			return strftime(t, format), nil
		}
	}
	return nil, errDate
}

// strftime knows the conversions that dates in messages need; "%-d" is %d without
// its leading zero.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		plain := format[i] == '-' && i+1 < len(format)
		if plain {
			i++
		}
		word, known := conversion(t, format[i])
		if !known {
			word = "%" + format[i:i+1]
		}
		if plain && len(word) > 1 {
			word = strings.TrimLeft(word[:len(word)-1], "0 ") + word[len(word)-1:]
		}
		b.WriteString(word)
	}
	return b.String()
}

// conversions are the layouts of package time for those of strftime.
var conversions = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'I': "03", 'M': "04", 'S': "05",
	'p': "PM", 'P': "pm", 'A': "Monday", 'a': "Mon", 'B': "January", 'b': "Jan", 'h': "Jan",
	'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'D': "01/02/06", 'j': "002", 'z': "-0700", 'Z': "MST",
}

func conversion(t time.Time, c byte) (string, bool) {
	switch c {
	case '%':
		return "%", true
	case 's':
		return fmt.Sprint(t.Unix()), true
	}
	layout, ok := conversions[c]
	return t.Format(layout), ok
}
