package filter

import "time"

// AttrLeaf is a test of an attribute of the object.
type AttrLeaf struct {
	Key string
	Test
}

// PropLeaf is a test of a property of an occurrence; it stands in the Where of
// an EventLeaf.
type PropLeaf struct {
	Key string
	Test
}

// Test is what is asked of one value.
type Test struct {
	Path       []string // into a JSON value: keys of objects; empty: the value itself
	Op         Operator
	Value      Value   // nil for operators without an operand
	IgnoreCase bool    // compare text by full case folding
	Cast       bool    // convert the value to the literal's type; without it, another type is missing
	Missing    Missing // the verdict on a missing, null or unconvertible value
	Zone       Zone    // for operators on dates; "": the filter's
}

// Missing is a leaf's verdict on a value that is not there.
type Missing uint8

// The verdicts. MissingDefault is the operator's own: a positive one does not
// match, a negative one does.
const (
	MissingDefault Missing = iota
	MissingMatches
	MissingFails
)

// MatchesMissing is the verdict on a missing value, with the default resolved.
func (t Test) MatchesMissing() bool {
	if t.Missing == MissingDefault {
		return t.Op.Negative()
	}
	return t.Missing == MissingMatches
}

// Accepts reports whether the test can be asked of values of a type: the
// operator applies to it and the literal compares with it. Whoever knows the
// types of attributes checks them with it.
func (t Test) Accepts(subject Type) bool {
	if !t.Op.AppliesTo(subject) {
		return false
	}
	first := t.Value
	if set, ok := first.(Values); ok && len(set) > 0 {
		first = set[0]
	}
	if t.Op.row().literals == 0 {
		return true
	}
	given := typeOf(first)
	return subject == TypeList || given == subject || given == TypeDate && subject == TypeDatetime
}

// Field begins a test of an attribute or a property. Values are given as Go
// values: string, integers, [Decimal], [Date], time.Time, engage.Money or a
// [Value]; what is no value of the language is a fault that [Build] reports.
// Floats are refused, because they are not exact.
type Field[L Node] struct {
	test Test
	leaf func(Test) L
}

// Attr begins a test of an attribute, or of what lies at a path in an attribute
// that holds JSON.
func Attr(key string, path ...string) Field[AttrLeaf] {
	return Field[AttrLeaf]{Test{Path: path}, func(t Test) AttrLeaf { return AttrLeaf{key, t} }}
}

// Prop begins a test of a property of an occurrence, for [EventLeaf.Matching].
func Prop(key string, path ...string) Field[PropLeaf] {
	return Field[PropLeaf]{Test{Path: path}, func(t Test) PropLeaf { return PropLeaf{key, t} }}
}

// IgnoreCase has text compared by full case folding.
func (f Field[L]) IgnoreCase() Field[L] { f.test.IgnoreCase = true; return f }

// Cast has stored values converted to the type of the literal.
func (f Field[L]) Cast() Field[L] { f.test.Cast = true; return f }

// Missing sets the verdict on a missing value.
func (f Field[L]) Missing(verdict Missing) Field[L] { f.test.Missing = verdict; return f }

// InZone sets the zone of an operator on dates.
func (f Field[L]) InZone(zone Zone) Field[L] { f.test.Zone = zone; return f }

// Compare makes the leaf of any operator: none, one or several values, as the
// operator's operand needs.
func (f Field[L]) Compare(op Operator, values ...any) L {
	f.test.Op = op
	if op.row().shape.plural() || len(values) > 1 {
		f.test.Value = literals(values)
	} else if len(values) == 1 {
		f.test.Value = literal(values[0])
	}
	return f.leaf(f.test)
}

// Is compares for equality: text, numbers and money with [OpEq], a bool with
// [OpTrue] or [OpFalse], a [Date] with [OpOn].
func (f Field[L]) Is(value any) L {
	switch v := value.(type) {
	case bool:
		if v {
			return f.Compare(OpTrue)
		}
		return f.Compare(OpFalse)
	case Date:
		return f.Compare(OpOn, v)
	}
	return f.Compare(OpEq, value)
}

// IsNot is the complement of equality; it includes what is missing.
func (f Field[L]) IsNot(value any) L { return f.Compare(OpNeq, value) }

// In asks for one of a set of values.
func (f Field[L]) In(values ...any) L { return f.Compare(OpIn, values...) }

// NotIn is the complement of In; it includes what is missing.
func (f Field[L]) NotIn(values ...any) L { return f.Compare(OpNin, values...) }

// IsSet asks that there be a value, even an empty one.
func (f Field[L]) IsSet() L { return f.Compare(OpSet) }

// IsUnset asks that there be no value.
func (f Field[L]) IsUnset() L { return f.Compare(OpUnset) }

// Contains asks for text that holds s, letter by letter.
func (f Field[L]) Contains(s string) L { return f.Compare(OpContains, s) }

// StartsWith asks for text that begins with s.
func (f Field[L]) StartsWith(s string) L { return f.Compare(OpStarts, s) }

// EndsWith asks for text that ends with s.
func (f Field[L]) EndsWith(s string) L { return f.Compare(OpEnds, s) }

// Matches asks for text that holds a match of a regular expression.
func (f Field[L]) Matches(pattern string) L { return f.Compare(OpRegex, pattern) }

// LessThan asks for less than the value.
func (f Field[L]) LessThan(value any) L { return f.Compare(OpLt, value) }

// AtMost asks for the value or less.
func (f Field[L]) AtMost(value any) L { return f.Compare(OpLte, value) }

// MoreThan asks for more than the value.
func (f Field[L]) MoreThan(value any) L { return f.Compare(OpGt, value) }

// AtLeast asks for the value or more.
func (f Field[L]) AtLeast(value any) L { return f.Compare(OpGte, value) }

// Between asks for a value between two, both included.
func (f Field[L]) Between(low, high any) L { return f.Compare(OpBetween, low, high) }

// Before asks for an earlier date or instant.
func (f Field[L]) Before(value any) L { return f.Compare(OpBefore, value) }

// After asks for a later date or instant.
func (f Field[L]) After(value any) L { return f.Compare(OpAfter, value) }

// InLast asks for a date or instant in the last n units.
func (f Field[L]) InLast(n int, unit Unit) L { return f.Compare(OpLast, Span{n, unit}) }

// InNext asks for a date or instant in the next n units.
func (f Field[L]) InNext(n int, unit Unit) L { return f.Compare(OpNext, Span{n, unit}) }

// During asks for a date or instant in a period.
func (f Field[L]) During(period Period) L { return f.Compare(OpDuring, period) }

// Anniversary asks for a date whose month and day are those of the day that
// lies offset days after today; 0 is today.
func (f Field[L]) Anniversary(offset int) L { return f.Compare(OpAnniversary, Anniversary{offset}) }

// OnWeekdays asks for a date or instant on one of the days.
func (f Field[L]) OnWeekdays(days ...time.Weekday) L {
	iso := make([]any, len(days))
	for i, d := range days {
		iso[i] = (int(d)+6)%7 + 1
	}
	return f.Compare(OpWeekday, iso...)
}

// Has asks for a list that holds the value.
func (f Field[L]) Has(value any) L { return f.Compare(OpHas, value) }

// HasAny asks for a list that holds one of the values.
func (f Field[L]) HasAny(values ...any) L { return f.Compare(OpHasAny, values...) }

// HasAll asks for a list that holds all of the values.
func (f Field[L]) HasAll(values ...any) L { return f.Compare(OpHasAll, values...) }

// HasNone asks for a list that holds none of the values; it includes what is
// missing.
func (f Field[L]) HasNone(values ...any) L { return f.Compare(OpHasNone, values...) }
