package filter

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/go-engage/engage"
)

// Value is what an operator compares with. The set is closed: Text, Number,
// Money, Date and Instant are literals; Values holds a set or a pair of them;
// Span, Period and Anniversary are the operands of operators on dates.
type Value interface{ value() }

type (
	// Text is a string.
	Text string
	// Money is an amount; it compares with amounts of its currency only.
	Money engage.Money
	// Instant is a point in time, in UTC and whole microseconds.
	Instant time.Time
	// Values are the members of a set, or the two ends of a range, inclusive.
	Values []Value
	// Span is a number of units before or after now.
	Span struct {
		N    int
		Unit Unit
	}
	// Anniversary is the day of the year that lies OffsetDays after today, or
	// before it when negative.
	Anniversary struct{ OffsetDays int }
)

// Date is a day of the calendar, in no time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// Period is a stretch of the calendar around today.
type Period uint8

// The periods. Weeks start on the weekday the workspace has set, or Monday.
const (
	Today Period = iota + 1
	Yesterday
	Tomorrow
	ThisWeek
	LastWeek
	NextWeek
	ThisMonth
	LastMonth
	NextMonth
	ThisYear
	LastYear
	NextYear
)

var periodWords = [...]string{
	Today: "today", Yesterday: "yesterday", Tomorrow: "tomorrow",
	ThisWeek: "this_week", LastWeek: "last_week", NextWeek: "next_week",
	ThisMonth: "this_month", LastMonth: "last_month", NextMonth: "next_month",
	ThisYear: "this_year", LastYear: "last_year", NextYear: "next_year",
}

// String is the period's word in documents, as "last_month".
func (p Period) String() string { return word(periodWords[:], int(p)) }

func (Text) value()        {}
func (Number) value()      {}
func (Money) value()       {}
func (Date) value()        {}
func (Instant) value()     {}
func (Values) value()      {}
func (Span) value()        {}
func (Period) value()      {}
func (Anniversary) value() {}

// Time is the instant as a time.Time in UTC.
func (i Instant) Time() time.Time { return time.Time(i) }

const instantLayout = "2006-01-02T15:04:05.000000Z"

// String is RFC 3339 in UTC with microseconds.
func (i Instant) String() string { return time.Time(i).UTC().Format(instantLayout) }

// String is "1999 EUR".
func (m Money) String() string { return engage.Money(m).String() }

// ParseDate reads a day of the calendar, as "2026-02-28".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is no date; write it as \"2026-02-28\"", clip(s))
	}
	return DateOf(t), nil
}

// DateOf is the day of t in t's location.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{Year: year, Month: month, Day: day}
}

// String is the date as "2026-02-28".
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Compare is -1, 0 or 1 as d is before, the same as, or after other.
func (d Date) Compare(other Date) int {
	a, b := d.Year*512+int(d.Month)*32+d.Day, other.Year*512+int(other.Month)*32+other.Day
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (d Date) valid() bool {
	return MinYear <= d.Year && d.Year <= MaxYear &&
		DateOf(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)) == d
}

func validInstant(t time.Time) bool {
	year := t.UTC().Year()
	return MinYear <= year && year <= MaxYear && t.Equal(engage.Instant(t))
}

// parseInstant reads RFC 3339, cut to microseconds.
func parseInstant(s string) (time.Time, error) {
	var t time.Time
	if err := t.UnmarshalText([]byte(s)); err != nil {
		return time.Time{}, fmt.Errorf("%q is no instant of RFC 3339; write it as \"2026-02-28T12:00:00Z\"", clip(s))
	}
	t = engage.Instant(t)
	if !validInstant(t) {
		return time.Time{}, fmt.Errorf("%q is outside of the years %d to %d", clip(s), MinYear, MaxYear)
	}
	return t, nil
}

// Decimal is the number that s spells, for builders: what is wrong with s is
// reported by Build and Validate.
func Decimal(s string) Value {
	n, err := ParseNumber(s)
	if err != nil {
		return unusable{why: err.Error()}
	}
	return n
}

// unusable is a Go value that is no literal of the language.
type unusable struct{ why string }

func (unusable) value() {}

// literal makes a Value of what a caller of the builder wrote.
func literal(v any) Value {
	switch v := v.(type) {
	case Value:
		return v
	case string:
		return Text(v)
	case int:
		return Int(int64(v))
	case int8:
		return Int(int64(v))
	case int16:
		return Int(int64(v))
	case int32:
		return Int(int64(v))
	case int64:
		return Int(v)
	case uint8:
		return Int(int64(v))
	case uint16:
		return Int(int64(v))
	case uint32:
		return Int(int64(v))
	case uint:
		return unsigned(uint64(v))
	case uint64:
		return unsigned(v)
	case json.Number:
		return Decimal(v.String())
	case engage.Money:
		return Money(v)
	case time.Time:
		return Instant(engage.Instant(v))
	case float32, float64:
		return unusable{why: `floats are not exact; write filter.Decimal("49.99")`}
	}
	return unusable{why: fmt.Sprintf("a %T is no value of a filter", v)}
}

func unsigned(n uint64) Value {
	if n > math.MaxInt64 {
		return Decimal(fmt.Sprint(n))
	}
	return Int(int64(n))
}

func literals[T any](vs []T) Values {
	out := make(Values, len(vs))
	for i, v := range vs {
		out[i] = literal(v)
	}
	return out
}
