package messaging

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// filter is a function behind a pipe. value is never nil, but for default; args
// are what stands behind its colon. What it answers is checked and paid for by its
// caller, so a filter only looks ahead where its result may be far larger than its
// input.
type filter func(m *machine, value any, args []any) (any, error)

// filters is the closed set. It is Liquid's, without those that make no sense in
// a message (inspect, type) or undo what keeps it safe.
var filters = map[string]filter{
	"default": func(_ *machine, value any, args []any) (any, error) {
		if isBlank(value) && len(args) > 0 {
			return args[0], nil
		}
		return value, nil
	},
	"json": func(m *machine, value any, _ []any) (any, error) { return m.json(value), nil },
	"size": sizeFilter,

	"append":         texts(func(s string, a []string) string { return s + a[0] }, 1),
	"prepend":        texts(func(s string, a []string) string { return a[0] + s }, 1),
	"upcase":         texts(func(s string, _ []string) string { return strings.ToUpper(s) }, 0),
	"downcase":       texts(func(s string, _ []string) string { return strings.ToLower(s) }, 0),
	"capitalize":     texts(capitalize, 0),
	"strip":          texts(func(s string, _ []string) string { return strings.TrimSpace(s) }, 0),
	"lstrip":         texts(func(s string, _ []string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }, 0),
	"rstrip":         texts(func(s string, _ []string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }, 0),
	"strip_newlines": texts(func(s string, _ []string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }, 0),
	"strip_html":     texts(stripHTML, 0),
	"url_encode":     texts(func(s string, _ []string) string { return url.QueryEscape(s) }, 0),
	"remove":         texts(func(s string, a []string) string { return strings.ReplaceAll(s, a[0], "") }, 1),
	"remove_first":   texts(func(s string, a []string) string { return strings.Replace(s, a[0], "", 1) }, 1),
	"replace_first":  texts(func(s string, a []string) string { return strings.Replace(s, a[0], a[1], 1) }, 2),
	"replace":        replaceFilter,
	"escape":         escapeFilter,
	"escape_once":    escapeFilter,
	"newline_to_br":  newlineFilter,
	"truncate":       truncateFilter,
	"truncatewords":  truncateWordsFilter,
	"slice":          sliceFilter,
	"split":          splitFilter,
	"date":           dateFilter,

	"first":  func(_ *machine, value any, _ []any) (any, error) { return itemAt(value, 0) },
	"last":   func(_ *machine, value any, _ []any) (any, error) { return itemAt(value, -1) },
	"join":   joinFilter,
	"concat": concatFilter,
	"map":    mapFilter,
	"where":  whereFilter,
	"compact": lists(func(_ *machine, items []any) []any {
		return slices.DeleteFunc(items, func(v any) bool { return v == nil })
	}),
	"reverse": lists(func(_ *machine, items []any) []any { slices.Reverse(items); return items }),
	"sort":    lists(sortItems),
	"uniq":    lists(uniqueItems),

	"plus":       numbers(func(a, b int) (int, bool) { return a + b, (a+b > a) == (b > 0) }, func(a, b float64) float64 { return a + b }),
	"minus":      numbers(func(a, b int) (int, bool) { return a - b, (a-b < a) == (b > 0) }, func(a, b float64) float64 { return a - b }),
	"times":      numbers(timesInt, func(a, b float64) float64 { return a * b }),
	"at_least":   numbers(func(a, b int) (int, bool) { return max(a, b), true }, math.Max),
	"at_most":    numbers(func(a, b int) (int, bool) { return min(a, b), true }, math.Min),
	"divided_by": divisions(func(a, b int) int { return a / b }, func(a, b float64) float64 { return a / b }),
	"modulo":     divisions(func(a, b int) int { return a % b }, math.Mod),
	"abs":        roundings(math.Abs),
	"ceil":       roundings(math.Ceil),
	"floor":      roundings(math.Floor),
	"round":      roundFilter,
}

var (
	errArguments = errors.New("an argument is missing")
	errNumber    = errors.New("not a number")
	errDivision  = errors.New("division by zero")
)

func isBlank(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case markup:
		return v.html == ""
	case list:
		return len(v.items) == 0
	case dict:
		return len(v.fields) == 0
	}
	return false
}

// texts makes a filter of a function on strings that takes n arguments.
func texts(fn func(s string, args []string) string, n int) filter {
	return func(m *machine, value any, args []any) (any, error) {
		if len(args) < n {
			return nil, errArguments
		}
		words := make([]string, len(args))
		for i, arg := range args {
			words[i] = m.text(arg)
		}
		return fn(m.text(value), words), nil
	}
}

func capitalize(s string, _ []string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// stripHTML drops what stands in angle brackets. It makes text easier to read, not
// safe: that is what escaping is for.
func stripHTML(s string, _ []string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "<")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if _, s, ok = strings.Cut(rest, ">"); !ok {
			return b.String()
		}
	}
}

func replaceFilter(m *machine, value any, args []any) (any, error) {
	if len(args) < 2 {
		return nil, errArguments
	}
	s, old, with := m.text(value), m.text(args[0]), m.text(args[1])
	found := strings.Count(s, old)
	m.charge(found)
	m.fits(len(s) + found*max(len(with)-len(old), 0))
	return strings.ReplaceAll(s, old, with), nil
}

// escapeFilter does nothing in HTML, where what is printed is escaped anyhow; so a
// chain of filters may have it anywhere.
func escapeFilter(m *machine, value any, _ []any) (any, error) {
	if m.part.html {
		return value, nil
	}
	return html.EscapeString(m.text(value)), nil
}

func newlineFilter(m *machine, value any, _ []any) (any, error) {
	s := m.text(value)
	if !m.part.html {
		return s, nil
	}
	if v, ok := value.(markup); !ok {
		s = html.EscapeString(s)
	} else {
		s = v.html
	}
	return markup{m: m, html: strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "<br>\n")}, nil
}

func sizeFilter(m *machine, value any, _ []any) (any, error) {
	switch v := value.(type) {
	case list:
		return len(v.items), nil
	case dict:
		return len(v.fields), nil
	}
	return utf8.RuneCountInString(m.text(value)), nil
}

func truncateFilter(m *machine, value any, args []any) (any, error) {
	limit, ending, err := truncation(m, args, 50)
	s := m.text(value)
	if err != nil || utf8.RuneCountInString(s) <= limit {
		return s, err
	}
	return cutRunes(s, max(limit-utf8.RuneCountInString(ending), 0)) + ending, nil
}

func truncateWordsFilter(m *machine, value any, args []any) (any, error) {
	limit, ending, err := truncation(m, args, 15)
	s := m.text(value)
	if err != nil {
		return nil, err
	}
	inWord := false
	for i, r := range s {
		if unicode.IsSpace(r) {
			inWord = false
			continue
		}
		if !inWord {
			inWord = true
			if limit--; limit < 0 {
				return strings.TrimRightFunc(s[:i], unicode.IsSpace) + ending, nil
			}
		}
	}
	return s, nil
}

func truncation(m *machine, args []any, limit int) (int, string, error) {
	ending := "..."
	if len(args) > 1 {
		ending = m.text(args[1])
	}
	if len(args) > 0 {
		n, err := integer(args[0])
		if err != nil || n < 0 {
			return 0, "", errNumber
		}
		limit = n
	}
	return limit, ending, nil
}

func cutRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func sliceFilter(m *machine, value any, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errArguments
	}
	start, err := integer(args[0])
	length := 1
	if err == nil && len(args) > 1 {
		length, err = integer(args[1])
	}
	if err != nil {
		return nil, err
	}
	if l, ok := value.(list); ok {
		from, to := window(start, length, len(l.items))
		return slices.Clone(l.items[from:to]), nil
	}
	s := m.text(value)
	from, to := window(start, length, utf8.RuneCountInString(s))
	return strings.TrimPrefix(cutRunes(s, to), cutRunes(s, from)), nil
}

// window is the part of 0..size that start and length name; a negative start
// counts from the end.
func window(start, length, size int) (from, to int) {
	if start < 0 {
		start += size
	}
	if start < 0 || start >= size || length <= 0 {
		return 0, 0
	}
	return start, start + min(length, size-start)
}

func splitFilter(m *machine, value any, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errArguments
	}
	s, separator := m.text(value), m.text(args[0])
	var words []string
	switch {
	case s == "":
	case separator == " ":
		m.bound(strings.Count(s, " "))
		words = strings.Fields(s)
	default:
		m.bound(strings.Count(s, separator))
		words = strings.Split(s, separator)
	}
	items := make([]any, len(words))
	for i, word := range words {
		items[i] = word
	}
	return items, nil
}

func integer(v any) (int, error) {
	switch n := number(v).(type) {
	case int:
		return n, nil
	case float64:
		if math.Abs(n) < 1<<53 {
			return int(n), nil
		}
	}
	return 0, errNumber
}

// number is v as an int or a float64, or nil. Texts that are numbers count.
func number(v any) any {
	switch v := v.(type) {
	case int, float64:
		return v
	case text:
		return number(v.s)
	case string:
		if n, err := strconv.Atoi(v); err == nil {
			return n
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return f
		}
	}
	return nil
}

func float(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case float64:
		return v
	}
	return math.NaN()
}

// numbers makes a filter of two operations: on whole numbers, unless they
// overflow, and on others.
func numbers(whole func(a, b int) (int, bool), other func(a, b float64) float64) filter {
	return func(_ *machine, value any, args []any) (any, error) {
		if len(args) == 0 {
			return nil, errArguments
		}
		a, b := number(value), number(args[0])
		if a == nil || b == nil {
			return nil, errNumber
		}
		if a, ok := a.(int); ok {
			if b, ok := b.(int); ok {
				if result, fits := whole(a, b); fits {
					return result, nil
				}
			}
		}
		return other(float(a), float(b)), nil
	}
}

func timesInt(a, b int) (int, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	product := a * b
	return product, product/b == a && !(a == -1 && b == math.MinInt) && !(b == -1 && a == math.MinInt)
}

func divisions(whole func(a, b int) int, other func(a, b float64) float64) filter {
	divide := numbers(func(a, b int) (int, bool) {
		if b == -1 && a == math.MinInt {
			return 0, false
		}
		return whole(a, b), true
	}, other)
	return func(m *machine, value any, args []any) (any, error) {
		if len(args) > 0 && float(number(args[0])) == 0 {
			return nil, errDivision
		}
		return divide(m, value, args)
	}
}

func roundings(fn func(float64) float64) filter {
	return func(_ *machine, value any, _ []any) (any, error) {
		n := number(value)
		if n == nil {
			return nil, errNumber
		}
		result := fn(float(n))
		if math.Abs(result) < 1<<53 && result == math.Trunc(result) {
			return int(result), nil
		}
		return result, nil
	}
}

func roundFilter(_ *machine, value any, args []any) (any, error) {
	n, places := number(value), 0
	if n == nil {
		return nil, errNumber
	}
	if len(args) > 0 {
		p, err := integer(args[0])
		if err != nil || p < 0 || p > 15 {
			return nil, fmt.Errorf("want 0 to 15 places: %w", errNumber)
		}
		places = p
	}
	shift := math.Pow10(places)
	result := math.Round(float(n)*shift) / shift
	if places == 0 && math.Abs(result) < 1<<53 {
		return int(result), nil
	}
	return result, nil
}

// compareItems puts numbers before texts, and what has no order last.
func compareItems(m *machine, a, b any) int {
	m.charge(1)
	x, y := rank(a), rank(b)
	switch {
	case x != y:
		return cmp.Compare(x, y)
	case x == 0:
		return cmp.Compare(float(a), float(b))
	case x == 1:
		return cmp.Compare(m.text(a), m.text(b))
	}
	return 0
}

func rank(v any) int {
	switch v.(type) {
	case int, float64:
		return 0
	case string, text, markup:
		return 1
	}
	return 2
}
