package segments

import (
	"slices"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/segments/filter"
)

type engageMoney = engage.Money

// civil judges a date.
func (t *test) civil(d day, s *subject, zone *time.Location) (verdict, bool) {
	if t.op == filter.OpHour {
		return verdict{}, false
	}
	if v, done := t.onCalendar(d, s, zone); done {
		return v, true
	}
	begins, ends := d.midnight(zone), (d + 1).midnight(zone)
	var when span
	//exhaustive:ignore
	switch t.op {
	case filter.OpPassed:
		when.enter = begins
	case filter.OpLast:
		when = span{begins, t.gone(d, ends, zone)}
	case filter.OpMoreThanAgo:
		when.enter = t.gone(d, ends, zone)
	case filter.OpNext:
		when = span{t.coming(d, begins, zone), ends}
	case filter.OpMoreThanAhead:
		when.leave = t.coming(d, begins, zone)
	default:
		return verdict{}, false
	}
	return when.verdict(s.now), true
}

// gone is when a date stops to be in the last units, coming when it begins to be
// in the next ones.
func (t *test) gone(d day, ends time.Time, zone *time.Location) time.Time {
	if length, ok := fixed(t.span.N, t.span.Unit); ok {
		return ends.Add(length)
	}
	return goneDay(d, t.span.N, t.span.Unit).midnight(zone)
}

func (t *test) coming(d day, begins time.Time, zone *time.Location) time.Time {
	if length, ok := fixed(t.span.N, t.span.Unit); ok {
		return begins.Add(-length)
	}
	return comingDay(d, t.span.N, t.span.Unit).midnight(zone)
}

// instant judges an instant.
func (t *test) instant(at time.Time, s *subject, zone *time.Location) (verdict, bool) {
	switch literal := t.first.(type) {
	case filter.Instant:
		//exhaustive:ignore
		switch t.op {
		case filter.OpBefore:
			return steady(at.Before(literal.Time())), true
		case filter.OpAfter:
			return steady(at.After(literal.Time())), true
		case filter.OpBetween:
			upper, _ := t.second.(filter.Instant)
			return steady(!at.Before(literal.Time()) && !at.After(upper.Time())), true
		default:
			return verdict{}, false
		}
	default:
	}
	if t.op == filter.OpHour {
		return steady(slices.Contains(t.whole, at.In(zone).Hour())), true
	}
	if v, done := t.onCalendar(dayIn(at, zone), s, zone); done {
		return v, true
	}
	n, unit := t.span.N, t.span.Unit
	var when span
	//exhaustive:ignore
	switch t.op {
	case filter.OpPassed:
		when.enter = at
	case filter.OpLast:
		when = span{at, until(at, n, unit, zone)}
	case filter.OpMoreThanAgo:
		when.enter = until(at, n, unit, zone)
	case filter.OpNext:
		when = span{since(at, n, unit, zone), at.Add(tick)}
	case filter.OpMoreThanAhead:
		when.leave = since(at, n, unit, zone)
	default:
		return verdict{}, false
	}
	return when.verdict(s.now), true
}

// onCalendar judges what is asked of the civil date alone; false for other
// operators.
func (t *test) onCalendar(d day, s *subject, zone *time.Location) (verdict, bool) {
	if first, ok := t.first.(filter.Date); ok {
		order := int(d - dayOf(first))
		//exhaustive:ignore
		switch t.op {
		case filter.OpOn:
			return steady(order == 0), true
		case filter.OpBefore:
			return steady(order < 0), true
		case filter.OpAfter:
			return steady(order > 0), true
		case filter.OpBetween:
			last, _ := t.second.(filter.Date)
			return steady(order >= 0 && d <= dayOf(last)), true
		default:
			return verdict{}, false
		}
	}
	//exhaustive:ignore
	switch t.op {
	case filter.OpWeekday:
		return steady(slices.Contains(t.whole, d.weekday())), true
	case filter.OpAnniversary:
		return t.anniversary(d, s, zone), true
	case filter.OpDuring:
		return t.during(d, s, zone), true
	default:
		return verdict{}, false
	}
}

// reach is how far from a date the days lie whose periods hold it.
const reach = 2 * 366

func (t *test) during(d day, s *subject, zone *time.Location) verdict {
	enters := firstDay(d-reach, d+reach, func(today day) bool {
		_, end := period(t.period, today, s.weekStart)
		return end > d
	})
	leaves := firstDay(d-reach, d+reach, func(today day) bool {
		start, _ := period(t.period, today, s.weekStart)
		return start > d
	})
	return span{enters.midnight(zone), leaves.midnight(zone)}.verdict(s.now)
}

// anniversary is true on the day whose offset is an anniversary of d, and
// changes at the midnights around it.
func (t *test) anniversary(d day, s *subject, zone *time.Location) verdict {
	today := dayIn(s.now, zone)
	target := today + day(t.yearly.OffsetDays)
	year, _, _ := target.date()
	if anniversaryIn(year, d) == target {
		return verdict{truth: true, next: (today + 1).midnight(zone)}
	}
	next := anniversaryIn(year, d)
	if next < target {
		next = anniversaryIn(year+1, d)
	}
	return verdict{next: (next - day(t.yearly.OffsetDays)).midnight(zone)}
}
