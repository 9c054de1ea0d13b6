package filter

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// test checks what a leaf asks of its value.
func (c *checker) test(path string, t Test) {
	if len(t.Path) > MaxPath {
		c.add(path+"/path", FaultTooLong, "%d steps, at most %d", len(t.Path), MaxPath)
	} else {
		for i, step := range t.Path {
			c.name(item(path+"/path", i), step)
		}
	}
	if !t.Op.known() {
		c.add(path+"/op", FaultRequired, "an operator is required")
		return
	}
	row := t.Op.row()
	if t.Zone != "" {
		c.zone(path+"/tz", t.Zone)
		if row.applies&temporal == 0 || row.applies == anyType {
			c.add(path+"/tz", FaultNotApplicable, "%s has no use for a zone", t.Op)
		}
	}
	if t.IgnoreCase && !comparesText(row, t.Value) {
		c.add(path+"/ci", FaultNotApplicable, "%s compares no text here", t.Op)
	}
	if t.Missing > MissingFails {
		c.add(path+"/missing", FaultUnknown, "unknown verdict")
	}
	if row.applies == anyType && t.Missing != MissingDefault {
		c.add(path+"/missing", FaultNotApplicable, "%s asks just whether the value is missing", t.Op)
	}
	if row.applies == anyType && t.Cast {
		c.add(path+"/cast", FaultNotApplicable, "%s compares nothing", t.Op)
	}
	c.operand(path+"/value", t.Op, t.Value)
}

func comparesText(row operator, v Value) bool {
	if set, ok := v.(Values); ok {
		for _, member := range set {
			if typeOf(member) == TypeString {
				return true
			}
		}
		return false
	}
	return row.shape == oneLiteral && typeOf(v) == TypeString
}

// operand checks that a value has the form its operator needs.
func (c *checker) operand(path string, op Operator, v Value) {
	row := op.row()
	if v == nil && row.shape != noOperand {
		c.add(path, FaultRequired, "%s needs a value", op)
		return
	}
	if bad, ok := v.(unusable); ok {
		c.add(path, FaultType, "%s", bad.why)
		return
	}
	fits := true
	switch row.shape {
	case noOperand:
		if v != nil {
			c.add(path, FaultNotApplicable, "%s takes no value", op)
		}
	case oneLiteral:
		c.literal(path, op, v)
	case pairOfLiterals:
		c.pair(path, op, v)
	case setOfLiterals:
		c.set(path, op, v)
	case aSpan:
		var span Span
		if span, fits = v.(Span); fits {
			c.units(path, span.N, span.Unit)
		}
	case aPeriod:
		var period Period
		if period, fits = v.(Period); fits && (period < Today || period > NextYear) {
			c.add(path, FaultUnknown, "unknown period")
		}
	case anAnniversary:
		var day Anniversary
		if day, fits = v.(Anniversary); fits && (day.OffsetDays < -366 || day.OffsetDays > 366) {
			c.add(path+"/offset_days", FaultOutOfRange, "want -366 to 366")
		}
	case someWeekdays:
		c.integers(path, v, 1, 7)
	case someHours:
		c.integers(path, v, 0, 23)
	case aSize:
		c.integer(path, v, 0, MaxCount)
	}
	if !fits {
		c.add(path, FaultType, "%s takes another kind of value", op)
	}
}

// literal checks one literal and reports whether it is sound.
func (c *checker) literal(path string, op Operator, v Value) bool {
	if v == nil {
		c.add(path, FaultRequired, "a value is required")
		return false
	}
	if bad, ok := v.(unusable); ok {
		c.add(path, FaultType, "%s", bad.why)
		return false
	}
	given := typeOf(v)
	if given == 0 || !op.row().literals.has(given) {
		c.add(path, FaultType, "%s does not compare with a %s", op, valueWord(v))
		return false
	}
	before := len(c.list)
	switch v := v.(type) {
	case Text:
		c.text(path, op, string(v))
	case Money:
		if err := validMoney(v); err != nil {
			c.add(path+"/currency", FaultInvalid, "%q is no ISO 4217 code", clip(string(v.Currency)))
		}
	case Date:
		if !v.valid() {
			c.add(path, FaultOutOfRange, "no day of the years %d to %d", MinYear, MaxYear)
		}
	case Instant:
		if !validInstant(time.Time(v)) {
			c.add(path, FaultOutOfRange, "want microseconds in the years %d to %d", MinYear, MaxYear)
		}
	}
	return len(c.list) == before
}

func (c *checker) text(path string, op Operator, s string) {
	limit := MaxText
	if op == OpRegex || op == OpLike {
		limit = MaxPattern
	}
	switch {
	case len(s) > limit:
		c.add(path, FaultTooLong, "%d bytes, at most %d", len(s), limit)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		c.add(path, FaultInvalid, "NUL and invalid UTF-8 are refused")
	case s == "" && op != OpEq && op != OpNeq && op != OpIn && op != OpNin && op != OpHas && op.row().shape == oneLiteral:
		c.add(path, FaultRequired, "%s needs a text that is not empty", op)
	case op == OpRegex:
		if c.patterns++; c.patterns > MaxPatterns {
			c.add(path, FaultTooMany, "more than %d regular expressions", MaxPatterns)
		} else if _, err := regexp.Compile(s); err != nil {
			c.add(path, FaultInvalid, "%v", err)
		}
	case op == OpLike && trailingEscape(s):
		c.add(path, FaultInvalid, `\ at the end escapes nothing`)
	}
}

func trailingEscape(s string) bool {
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}

func (c *checker) pair(path string, op Operator, v Value) {
	ends, ok := v.(Values)
	if !ok || len(ends) != 2 {
		c.add(path, FaultType, "%s needs two values", op)
		return
	}
	sound := c.literal(item(path, 0), op, ends[0])
	sound = c.literal(item(path, 1), op, ends[1]) && sound
	if !sound {
		return
	}
	order, ordered := compare(ends[0], ends[1])
	switch {
	case !ordered:
		c.add(item(path, 1), FaultType, "a %s beside a %s", valueWord(ends[1]), valueWord(ends[0]))
	case order > 0:
		c.add(item(path, 1), FaultOutOfRange, "the lower end comes first")
	}
}

func (c *checker) set(path string, op Operator, v Value) {
	members, ok := c.members(path, v)
	if !ok {
		return
	}
	for i, member := range members {
		if c.literal(item(path, i), op, member) && typeOf(members[0]) != 0 && typeOf(member) != typeOf(members[0]) {
			c.add(item(path, i), FaultType, "a %s beside a %s", valueWord(member), valueWord(members[0]))
		}
	}
}

func (c *checker) members(path string, v Value) (Values, bool) {
	members, ok := v.(Values)
	switch {
	case !ok:
		c.add(path, FaultType, "want a list of values")
	case len(members) == 0:
		c.add(path, FaultRequired, "at least one value is required")
	case len(members) > MaxValues:
		c.add(path, FaultTooLong, "%d values, at most %d", len(members), MaxValues)
	default:
		return members, true
	}
	return nil, false
}

func (c *checker) integers(path string, v Value, least, most int64) {
	members, _ := c.members(path, v)
	for i, member := range members {
		c.integer(item(path, i), member, least, most)
	}
}

func (c *checker) integer(path string, v Value, least, most int64) {
	number, ok := v.(Number)
	if n, whole := number.Int64(); !ok || !whole || n < least || n > most {
		c.add(path, FaultOutOfRange, "want a whole number from %d to %d", least, most)
	}
}

// compare orders two literals of one type and, for money, one currency.
func compare(a, b Value) (order int, ordered bool) {
	switch a := a.(type) {
	case Number:
		if b, ok := b.(Number); ok {
			return a.Compare(b), true
		}
	case Date:
		if b, ok := b.(Date); ok {
			return a.Compare(b), true
		}
	case Instant:
		if b, ok := b.(Instant); ok {
			return time.Time(a).Compare(time.Time(b)), true
		}
	case Money:
		if b, ok := b.(Money); ok && a.Currency == b.Currency {
			return Int(a.Minor).Compare(Int(b.Minor)), true
		}
	}
	return 0, false
}

func valueWord(v Value) string {
	if t := typeOf(v); t != 0 {
		return t.String()
	}
	switch v.(type) {
	case Values:
		return "list"
	case Span:
		return "span"
	case Period:
		return "period"
	case Anniversary:
		return "anniversary"
	}
	return "value"
}
