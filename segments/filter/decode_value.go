package filter

import (
	"time"

	"github.com/go-engage/engage"
)

// test reads what a leaf asks of its value: the fields beside attr or prop.
func (d decoder) test(o *object) Test {
	var t Test
	if v, ok := o.take("path"); ok {
		t.Path = d.steps(o.path+"/path", v)
	}
	if v, ok := o.take("ci"); ok {
		t.IgnoreCase = d.truth(o.path+"/ci", v)
	}
	if v, ok := o.take("cast"); ok {
		t.Cast = d.truth(o.path+"/cast", v)
	}
	if v, ok := o.take("missing"); ok {
		t.Missing = d.missing(o.path+"/missing", v)
	}
	if v, ok := o.take("tz"); ok {
		if t.Zone = Zone(d.str(o.path+"/tz", v)); t.Zone == "" {
			d.add(o.path+"/tz", FaultInvalid, "a zone may not be empty")
		}
	}
	op, given := o.take("op")
	if !given {
		d.add(o.path+"/op", FaultRequired, "an operator is required")
		o.take("value")
		o.take("type")
		return t
	}
	t.Op = d.operator(o.path+"/op", op)
	if t.Op == 0 {
		o.ignore()
		return t
	}
	declared := d.declared(o, t.Op)
	if v, ok := o.take("value"); ok {
		t.Value = d.value(o.path+"/value", t.Op, declared, v)
		if t.Value == nil {
			d.add(o.path+"/value", FaultType, "%s can't take this value", t.Op)
		}
		d.agrees(o.path+"/type", declared, t.Value)
	}
	return t
}

func (d decoder) steps(path string, v jsonValue) []string {
	if v.kind != jsonArray || len(v.items) == 0 {
		d.add(path, FaultType, "want an array of keys")
		return nil
	}
	steps := make([]string, len(v.items))
	for i, step := range v.items {
		steps[i] = d.str(item(path, i), step)
	}
	return steps
}

func (d decoder) missing(path string, v jsonValue) Missing {
	switch word := d.str(path, v); word {
	case "match":
		return MissingMatches
	case "nomatch":
		return MissingFails
	default:
		d.add(path, FaultUnknown, "unknown verdict %q; want match or nomatch", clip(word))
		return MissingDefault
	}
}

func (d decoder) operator(path string, v jsonValue) Operator {
	word := d.str(path, v)
	op, known := ParseOperator(word)
	switch {
	case known:
	case unsupportedOperators[word]:
		d.add(path, FaultUnsupported, "unsupported: the operator %q", word)
	default:
		d.add(path, FaultUnknown, "unknown operator %q", clip(word))
	}
	return op
}

// declared reads the type field, which says how a literal in a string is meant.
func (d decoder) declared(o *object, op Operator) Type {
	v, ok := o.take("type")
	if !ok {
		return 0
	}
	path := o.path + "/type"
	word := d.str(path, v)
	declared := Type(lookup(typeWords[:], word))
	switch {
	case declared == 0:
		d.add(path, FaultUnknown, "unknown type %q; want string, number, money, date or datetime", clip(word))
	case op.row().literals == 0:
		d.add(path, FaultNotApplicable, "%s has no literal", op)
	case !op.row().literals.has(declared):
		d.add(path, FaultType, "%s does not compare with a %s", op, declared)
	default:
		return declared
	}
	return 0
}

// agrees notes a literal that is not of the declared type.
func (d decoder) agrees(path string, declared Type, v Value) {
	set, ok := v.(Values)
	if !ok {
		set = Values{v}
	}
	for _, member := range set {
		if given := typeOf(member); declared != 0 && given != 0 && given != declared {
			d.add(path, FaultType, "the value is a %s, not a %s", given, declared)
		}
	}
}

// value reads an operand. It answers nil where it notes a fault.
func (d decoder) value(path string, op Operator, declared Type, v jsonValue) Value {
	row := op.row()
	switch row.shape {
	case noOperand:
		d.add(path, FaultNotApplicable, "%s takes no value", op)
	case oneLiteral:
		return d.literal(path, row.literals, declared, v)
	case pairOfLiterals, setOfLiterals:
		if v.kind != jsonArray {
			d.add(path, FaultType, "%s needs an array, not %s", op, v.kind)
			return nil
		}
		set := make(Values, len(v.items))
		for i, member := range v.items {
			set[i] = d.literal(item(path, i), row.literals, declared, member)
		}
		return set
	case aSpan:
		if span, ok := d.span(path, v); ok {
			return span
		}
	case aPeriod:
		word := d.str(path, v)
		if p := lookup(periodWords[:], word); p != 0 {
			return Period(p)
		}
		d.add(path, FaultUnknown, "unknown period %q", clip(word))
	case anAnniversary:
		return d.anniversary(path, v)
	case someWeekdays, someHours:
		if v.kind != jsonArray {
			d.add(path, FaultType, "%s needs an array of numbers, not %s", op, v.kind)
			return nil
		}
		set := make(Values, len(v.items))
		for i, member := range v.items {
			set[i] = Int(int64(d.integer(item(path, i), member)))
		}
		return set
	case aSize:
		return Int(int64(d.integer(path, v)))
	}
	return nil
}

// literal reads a literal of one of the wanted types. A string is text where
// text is wanted, unless the type is declared; otherwise a date, an instant or a
// number, whichever it spells.
func (d decoder) literal(path string, wanted types, declared Type, v jsonValue) Value {
	switch v.kind {
	case jsonNumber:
		if wanted.has(TypeNumber) {
			n, err := ParseNumber(v.text)
			if err == nil {
				return n
			}
			d.add(path, FaultOutOfRange, "%v", err)
			return nil
		}
	case jsonString:
		return d.fromString(path, wanted, declared, v.text)
	case jsonObject:
		return d.fromObject(path, wanted, v)
	case jsonBool:
		d.add(path, FaultType, "a bool is compared with is_true and is_false")
		return nil
	case jsonNull, jsonArray:
	}
	d.add(path, FaultType, "%s is no value for this operator", v.kind)
	return nil
}

func (d decoder) fromString(path string, wanted types, declared Type, s string) Value {
	var err error
	switch {
	case declared == TypeString || declared == 0 && wanted.has(TypeString):
		return Text(s)
	case declared == TypeNumber:
		var n Number
		if n, err = ParseNumber(s); err == nil {
			return n
		}
	case declared == TypeDate || declared == 0 && wanted.has(TypeDate) && len(s) == len(time.DateOnly):
		var day Date
		if day, err = ParseDate(s); err == nil {
			return day
		}
	case declared == TypeDatetime || declared == 0 && wanted.has(TypeDatetime) && len(s) > len(time.DateOnly) && s[4] == '-':
		var t time.Time
		if t, err = parseInstant(s); err == nil {
			return Instant(t)
		}
	case wanted.has(TypeNumber):
		var n Number
		if n, err = ParseNumber(s); err == nil {
			return n
		}
	default:
		d.add(path, FaultType, "%q is no value for this operator", clip(s))
		return nil
	}
	d.add(path, FaultInvalid, "%v", err)
	return nil
}

// fromObject reads an amount of money; references are reserved.
func (d decoder) fromObject(path string, wanted types, v jsonValue) Value {
	o, _ := d.object(path, v)
	defer o.rest()
	if _, ok := o.take("ref"); ok {
		d.add(child(path, "ref"), FaultUnsupported, "unsupported: a reference to another value")
		d.add(path, FaultUnsupported, "unsupported: a reference to another value")
		o.ignore()
		return nil
	}
	if !wanted.has(TypeMoney) {
		d.add(path, FaultType, "an object is no value for this operator")
		o.ignore()
		return nil
	}
	minor, ok := o.take("minor")
	if !ok || minor.kind != jsonNumber {
		d.add(path+"/minor", FaultType, "want the amount in minor units, as a number")
	}
	n, _ := ParseNumber(minor.text)
	amount, whole := n.Int64()
	if !whole {
		d.add(path+"/minor", FaultOutOfRange, "want a whole number of 64 bits")
	}
	currency, ok := o.take("currency")
	if !ok {
		d.add(path+"/currency", FaultRequired, "a currency is required")
	}
	return d.money(path, amount, currency)
}

func (d decoder) money(path string, minor int64, currency jsonValue) Value {
	return Money{Minor: minor, Currency: engage.Currency(d.str(path+"/currency", currency))}
}

func (d decoder) span(path string, v jsonValue) (Span, bool) {
	o, ok := d.object(path, v)
	if !ok {
		return Span{}, false
	}
	defer o.rest()
	return Span{N: d.n(o), Unit: d.unit(o)}, true
}

func (d decoder) n(o *object) int {
	v, ok := o.take("n")
	if !ok {
		d.add(o.path+"/n", FaultRequired, "a number of units is required")
		return 0
	}
	return d.integer(o.path+"/n", v)
}

func (d decoder) unit(o *object) Unit {
	v, ok := o.take("unit")
	if !ok {
		return 0
	}
	word := d.str(o.path+"/unit", v)
	unit := Unit(lookup(unitWords[:], word))
	if unit == 0 {
		d.add(o.path+"/unit", FaultUnknown, "unknown unit %q", clip(word))
	}
	return unit
}

func (d decoder) anniversary(path string, v jsonValue) Value {
	o, ok := d.object(path, v)
	if !ok {
		return nil
	}
	defer o.rest()
	offset, ok := o.take("offset_days")
	if !ok {
		return Anniversary{}
	}
	return Anniversary{OffsetDays: d.integer(path+"/offset_days", offset)}
}

// window reads an event's window: an object with one of the keys ever, last,
// between, from and until, calendar.
func (d decoder) window(path string, v jsonValue) Window {
	o, ok := d.object(path, v)
	if !ok {
		return Ever()
	}
	defer o.rest()
	if v, ok := o.take("ever"); ok {
		if !d.truth(path+"/ever", v) {
			d.add(path+"/ever", FaultInvalid, "ever is true or left out")
		}
		return Ever()
	}
	if v, ok := o.take("last"); ok {
		return d.rolling(path, path+"/last", v, jsonValue{kind: jsonString, text: "0s"})
	}
	if v, ok := o.take("between"); ok {
		if v.kind != jsonArray || len(v.items) != 2 {
			d.add(path+"/between", FaultType, `want two durations, as ["90d","30d"]`)
			return Ever()
		}
		return d.rolling(path, path+"/between/0", v.items[0], v.items[1])
	}
	if v, ok := o.take("calendar"); ok {
		return d.calendar(path, v, o)
	}
	from, begins := o.take("from")
	until, ends := o.take("until")
	if begins || ends {
		w := Window{Kind: WindowAbsolute}
		if begins {
			w.From = d.instant(path, "from", from)
		}
		if ends {
			w.Until = d.instant(path, "until", until)
		}
		return w
	}
	for _, key := range []string{"since", "before", "after", "enrolment"} {
		if _, ok := o.take(key); ok {
			d.add(child(path, key), FaultUnsupported, "unsupported: windows with %q", key)
			return Ever()
		}
	}
	d.add(path, FaultRequired, "a window has one of the keys ever, last, between, from, until, calendar")
	return Ever()
}

func (d decoder) rolling(path, farPath string, far, near jsonValue) Window {
	before := len(d.list)
	w := Ago(d.duration(farPath, far), d.duration(path+"/between/1", near))
	if len(d.list) > before {
		return Ever() // its order says nothing any more
	}
	return w
}

func (d decoder) duration(path string, v jsonValue) time.Duration {
	length, err := parseDuration(d.str(path, v))
	if err != nil {
		d.add(path, FaultInvalid, "%v", err)
	}
	return length
}

func (d decoder) calendar(path string, v jsonValue, o *object) Window {
	w := Window{Kind: WindowCalendar}
	switch word := d.str(path+"/calendar", v); word {
	case "last":
		w.Calendar.N = d.n(o)
	case "this":
		w.Calendar.Current, w.Calendar.N = true, 1
		if n, ok := o.take("n"); ok {
			w.Calendar.N = d.integer(path+"/n", n)
		}
	default:
		d.add(path+"/calendar", FaultUnknown, "unknown calendar window %q; want last or this", clip(word))
		o.ignore()
		return Ever()
	}
	w.Calendar.Unit = d.unit(o)
	if v, ok := o.take("tz"); ok {
		if w.Zone = Zone(d.str(path+"/tz", v)); w.Zone == "" {
			d.add(path+"/tz", FaultInvalid, "a zone may not be empty")
		}
	}
	return w
}

// instant reads one end of an absolute window. A faulty one leaves a stand-in,
// so that the end does not count as open.
func (d decoder) instant(path, key string, v jsonValue) time.Time {
	at := child(path, key)
	t, err := parseInstant(d.str(at, v))
	if err != nil {
		d.add(at, FaultInvalid, "%v", err)
		if key == "from" {
			return time.Date(MinYear, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		return time.Date(MaxYear, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t
}
