package segments

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/segments/filter"
)

// test is a filter.Test with its operand prepared. Its operator is a positive
// one; a negative operator is its complement's test, negated.
type test struct {
	op      filter.Operator
	negated bool
	missing bool // the verdict on a value that is missing or of another type
	path    []string
	cast    bool
	fold    bool
	zone    filter.Zone

	first   filter.Value       // the literal, or the first one of a set or a pair
	second  filter.Value       // the other end of a pair
	texts   []string           // literals that are text, normalised and folded
	numbers []string           // literals that are numbers, canonical
	amounts []filter.Money     // literals that are money
	whole   []int              // weekdays, hours or a size
	pattern *regexp.Regexp     // of regex and like
	span    filter.Span        // of last, next and their kin
	period  filter.Period      // of during
	yearly  filter.Anniversary // of anniversary
}

func (c compiler) test(t filter.Test) (*test, error) {
	out := &test{
		op: t.Op, missing: t.MatchesMissing(), path: t.Path, cast: t.Cast, fold: t.IgnoreCase, zone: c.zoneOf(t.Zone),
	}
	if t.Op.Negative() {
		positive, ok := t.Op.Complement()
		if !ok {
			return nil, unsupported(t.Op)
		}
		out.op, out.negated = positive, true
	}
	switch v := t.Value.(type) {
	case filter.Span:
		out.span = v
	case filter.Period:
		out.period = v
	case filter.Anniversary:
		out.yearly = v
	case filter.Values:
		for _, literal := range v {
			out.take(literal)
		}
		out.first = v[0]
		if len(v) > 1 {
			out.second = v[1]
		}
	case nil:
	default:
		out.take(v)
		out.first = v
	}
	var err error
	//exhaustive:ignore
	switch out.op {
	case filter.OpRegex:
		out.pattern, err = out.expression(string(out.first.(filter.Text))) //nolint:forcetypeassert // a valid filter
	case filter.OpLike:
		out.pattern, err = out.expression(likePattern(string(out.first.(filter.Text)))) //nolint:forcetypeassert // a valid filter
	}
	return out, err
}

func (t *test) take(literal filter.Value) {
	switch v := literal.(type) {
	case filter.Text:
		t.texts = append(t.texts, t.normal(string(v)))
	case filter.Number:
		t.numbers = append(t.numbers, v.String())
		if n, ok := v.Int64(); ok {
			t.whole = append(t.whole, int(n))
		}
	case filter.Money:
		t.amounts = append(t.amounts, v)
	}
}

// normal is the form in which texts are compared: NFC and, without regard to
// case, full case folding.
func (t *test) normal(s string) string {
	s = norm.NFC.String(s)
	if t.fold {
		s = norm.NFC.String(contacts.FoldCase(s))
	}
	return s
}

func (t *test) expression(pattern string) (*regexp.Regexp, error) {
	pattern = norm.NFC.String(pattern)
	if t.fold {
		pattern = "(?i:" + pattern + ")"
	}
	return regexp.Compile(pattern)
}

// likePattern is the regular expression of a like pattern, in which % stands for
// any text, _ for one character and \ before a character for that character.
func likePattern(like string) string {
	var b strings.Builder
	b.WriteString(`(?s)^`)
	escaped := false
	for _, r := range like {
		switch {
		case escaped, r != '%' && r != '_' && r != '\\':
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '%':
			b.WriteString(`.*`)
		default:
			b.WriteByte('.')
		}
	}
	b.WriteByte('$')
	return b.String()
}

// judge is the verdict on a value of an attribute or a property, which may be
// absent; defined is its type where the workspace has defined one.
func (t *test) judge(v attribute.Value, defined attribute.Type, s *subject) verdict {
	for _, step := range t.path {
		members, _ := v.Members()
		v, defined = members[step], ""
	}
	if t.op == filter.OpSet {
		return steady((!v.IsZero() && !v.IsNull()) != t.negated)
	}
	found, ok := verdict{}, false
	if !v.IsZero() && !v.IsNull() {
		found, ok = t.positive(v, defined, s)
	}
	if !ok {
		return steady(t.missing)
	}
	if t.negated {
		found = found.not()
	}
	return found
}

// positive judges a value that is there; false if it is not of a type that the
// operator and its literal compare with.
func (t *test) positive(v attribute.Value, defined attribute.Type, s *subject) (verdict, bool) {
	switch t.op {
	case filter.OpEq, filter.OpIn:
		return t.among(v, defined)
	case filter.OpLt, filter.OpLte, filter.OpGt, filter.OpGte:
		return t.ordered(v, defined)
	case filter.OpBetween:
		if _, ofText := t.first.(filter.Number); ofText {
			return t.ordered(v, defined)
		}
		if _, ofMoney := t.first.(filter.Money); ofMoney {
			return t.ordered(v, defined)
		}
		return t.temporal(v, s)
	case filter.OpEmpty:
		if elements, ok := v.Elements(); ok {
			return steady(len(elements) == 0), true
		}
		text, ok := v.Text()
		return steady(text == ""), ok
	case filter.OpContains, filter.OpStarts, filter.OpEnds, filter.OpLike, filter.OpRegex,
		filter.OpLengthEq, filter.OpLengthGte, filter.OpLengthLte:
		text, ok := t.text(v)
		return steady(ok && t.matches(text)), ok
	case filter.OpTrue, filter.OpFalse:
		truth, ok := t.boolean(v)
		return steady(truth == (t.op == filter.OpTrue)), ok
	case filter.OpHas, filter.OpHasAny, filter.OpHasAll, filter.OpSizeEq, filter.OpSizeGte, filter.OpSizeLte:
		elements, ok := v.Elements()
		return steady(ok && t.list(elements)), ok
	case filter.OpOn, filter.OpBefore, filter.OpAfter, filter.OpLast, filter.OpNext, filter.OpMoreThanAgo,
		filter.OpMoreThanAhead, filter.OpDuring, filter.OpAnniversary, filter.OpWeekday, filter.OpHour, filter.OpPassed:
		return t.temporal(v, s)
	case filter.OpSet, filter.OpUnset, filter.OpNeq, filter.OpNin, filter.OpNempty, filter.OpNbetween,
		filter.OpNcontains, filter.OpNstarts, filter.OpNends, filter.OpHasNone:
		// Negative ones are their complements, negated; set is asked before.
	}
	return verdict{}, false
}

// among compares with the literals for equality.
func (t *test) among(v attribute.Value, defined attribute.Type) (verdict, bool) {
	switch t.first.(type) {
	case filter.Text:
		text, ok := t.text(v)
		return steady(slices.Contains(t.texts, text)), ok
	case filter.Number:
		n, ok := t.number(v, defined)
		return steady(slices.Contains(t.numbers, n)), ok
	case filter.Money:
		m, ok := money(v)
		return steady(slices.Contains(t.amounts, m)), ok
	}
	return verdict{}, false
}

// ordered compares numbers, or amounts of one currency.
func (t *test) ordered(v attribute.Value, defined attribute.Type) (verdict, bool) {
	var low, high int
	if literal, ofMoney := t.first.(filter.Money); ofMoney {
		m, ok := money(v)
		if !ok || m.Currency != literal.Currency {
			return verdict{}, false
		}
		low = filter.Int(m.Minor).Compare(filter.Int(literal.Minor))
		if upper, pair := t.second.(filter.Money); pair {
			high = filter.Int(m.Minor).Compare(filter.Int(upper.Minor))
		}
	} else {
		n, ok := t.number(v, defined)
		if !ok || len(t.numbers) == 0 {
			return verdict{}, false
		}
		low, high = compareDecimals(n, t.numbers[0]), compareDecimals(n, t.numbers[len(t.numbers)-1])
	}
	var truth bool
	//exhaustive:ignore
	switch t.op {
	case filter.OpLt:
		truth = low < 0
	case filter.OpLte:
		truth = low <= 0
	case filter.OpGt:
		truth = low > 0
	case filter.OpGte:
		truth = low >= 0
	default: // between
		truth = low >= 0 && high <= 0
	}
	return steady(truth), true
}

func (t *test) matches(text string) bool {
	//exhaustive:ignore
	switch t.op {
	case filter.OpContains:
		return strings.Contains(text, t.texts[0])
	case filter.OpStarts:
		return strings.HasPrefix(text, t.texts[0])
	case filter.OpEnds:
		return strings.HasSuffix(text, t.texts[0])
	case filter.OpLike, filter.OpRegex:
		return t.pattern.MatchString(text)
	default:
		return t.size(utf8.RuneCountInString(text))
	}
}

func (t *test) size(n int) bool {
	//exhaustive:ignore
	switch t.op {
	case filter.OpLengthGte, filter.OpSizeGte:
		return n >= t.whole[0]
	case filter.OpLengthLte, filter.OpSizeLte:
		return n <= t.whole[0]
	default:
		return n == t.whole[0]
	}
}

func (t *test) list(elements []attribute.Value) bool {
	//exhaustive:ignore
	switch t.op {
	case filter.OpSizeEq, filter.OpSizeGte, filter.OpSizeLte:
		return t.size(len(elements))
	default:
	}
	wanted := max(len(t.texts), len(t.numbers))
	held := make([]bool, wanted)
	for _, e := range elements {
		if _, ofText := t.first.(filter.Text); ofText {
			if text, ok := t.text(e); ok {
				mark(held, t.texts, text)
			}
		} else if n, ok := t.number(e, ""); ok {
			mark(held, t.numbers, n)
		}
	}
	if t.op == filter.OpHasAll {
		return !slices.Contains(held, false)
	}
	return slices.Contains(held, true)
}

func mark(held []bool, literals []string, element string) {
	for i, literal := range literals {
		held[i] = held[i] || literal == element
	}
}

// text is a value as text, in the form in which texts are compared. A pattern
// looks at the text in its own case.
func (t *test) text(v attribute.Value) (string, bool) {
	s, ok := v.Text()
	if !ok && t.cast {
		if s, ok = v.Number(); !ok {
			var truth bool
			if truth, ok = v.Bool(); ok {
				s = map[bool]string{true: "true", false: "false"}[truth]
			}
		}
	}
	if !ok {
		return "", false
	}
	if t.pattern != nil {
		return norm.NFC.String(s), true
	}
	return t.normal(s), true
}

// number is a value's canonical decimal. Attributes defined as decimals hold it
// as text.
func (t *test) number(v attribute.Value, defined attribute.Type) (string, bool) {
	if n, ok := v.Number(); ok {
		return n, true
	}
	s, ok := v.Text()
	if !ok || !t.cast && defined != attribute.TypeDecimal {
		return "", false
	}
	n, err := attribute.Decimal(strings.TrimSpace(s))
	if err != nil {
		return "", false
	}
	return n.Text()
}

func (t *test) boolean(v attribute.Value) (truth, ok bool) {
	if truth, ok = v.Bool(); ok || !t.cast {
		return truth, ok
	}
	s, isText := v.Text()
	if !isText {
		s, _ = v.Number()
	}
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "1":
		return true, true
	case "false", "0":
		return false, true
	}
	return false, false
}

func money(v attribute.Value) (filter.Money, bool) {
	var m filter.Money
	if !v.IsObject() {
		return m, false
	}
	err := (*engageMoney)(&m).UnmarshalJSON([]byte(v.String()))
	return m, err == nil
}

// compareDecimals orders canonical decimals of any length.
func compareDecimals(a, b string) int {
	a, aNegative := strings.CutPrefix(a, "-")
	b, bNegative := strings.CutPrefix(b, "-")
	switch {
	case aNegative != bNegative && aNegative:
		return -1
	case aNegative != bNegative:
		return 1
	case aNegative:
		a, b = b, a
	}
	aWhole, aFraction, _ := strings.Cut(a, ".")
	bWhole, bFraction, _ := strings.Cut(b, ".")
	if len(aWhole) != len(bWhole) {
		return len(aWhole) - len(bWhole)
	}
	if c := strings.Compare(aWhole, bWhole); c != 0 {
		return c
	}
	return strings.Compare(aFraction, bFraction)
}

// temporal judges dates and instants.
func (t *test) temporal(v attribute.Value, s *subject) (verdict, bool) {
	text, ok := v.Text()
	if !ok {
		return verdict{}, false
	}
	if t.cast {
		text = strings.TrimSpace(text)
	}
	zone := s.location(t.zone)
	if d, err := filter.ParseDate(text); err == nil {
		if _, ofInstants := t.first.(filter.Instant); !ofInstants {
			return t.civil(dayOf(d), s, zone)
		}
		if !t.cast {
			return verdict{}, false
		}
		return t.instant(dayOf(d).midnight(zone), s, zone)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return verdict{}, false
	}
	return t.instant(at.UTC(), s, zone)
}
