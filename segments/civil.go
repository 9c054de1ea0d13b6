package segments

import (
	"sort"
	"time"

	"github.com/go-engage/engage/segments/filter"
)

// day is a civil date as the number of days since 1970-01-01. Calendar
// arithmetic is done on days; a time zone comes in where a day begins.
type day int

func dayOf(d filter.Date) day {
	return day(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// dayIn is the civil date of an instant in a zone.
func dayIn(t time.Time, zone *time.Location) day { return dayOf(filter.DateOf(t.In(zone))) }

func (d day) date() (int, time.Month, int) {
	return time.Unix(int64(d)*86400, 0).UTC().Date()
}

// plus moves a date by units of at least a day. A month or a year later is the
// same day of the month, or the last one of a shorter month.
func (d day) plus(n int, unit filter.Unit) day {
	switch unit {
	case filter.Week:
		return d + day(7*n)
	case filter.Year:
		return d.plus(12*n, filter.Month)
	case filter.Month:
		year, month, of := d.date()
		first := time.Date(year, month+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
		last := first.AddDate(0, 1, -1).Day()
		return day(first.Unix()/86400) + day(min(of, last)-1)
	case filter.Minute, filter.Hour, filter.Day:
	}
	return d + day(n)
}

// weekday is the day of the week by ISO 8601: 1 is Monday, 7 Sunday.
func (d day) weekday() int { return ((int(d)+3)%7+7)%7 + 1 }

// startOf is the first day of the unit that holds the day.
func (d day) startOf(unit filter.Unit, weekStart time.Weekday) day {
	year, month, _ := d.date()
	switch unit {
	case filter.Week:
		return d - day((d.weekday()-int(weekStart)+7)%7)
	case filter.Month:
		return dayOf(filter.Date{Year: year, Month: month, Day: 1})
	case filter.Year:
		return dayOf(filter.Date{Year: year, Month: time.January, Day: 1})
	case filter.Minute, filter.Hour, filter.Day:
	}
	return d
}

// midnight is the first instant of the day in a zone. Where the clocks change at
// midnight that is not 00:00, or the first of two.
func (d day) midnight(zone *time.Location) time.Time {
	year, month, of := d.date()
	guess := time.Date(year, month, of, 0, 0, 0, 0, zone)
	if dayIn(guess, zone) == d && dayIn(guess.Add(-time.Microsecond), zone) < d {
		return guess.UTC()
	}
	const reach = 26 * 3600
	seconds := sort.Search(2*reach, func(i int) bool {
		return dayIn(guess.Add(time.Duration(i-reach)*time.Second), zone) >= d
	})
	return guess.Add(time.Duration(seconds-reach) * time.Second).UTC()
}

// at is the instant of the day at which clocks in the zone show what they showed
// at t.
func (d day) at(t time.Time, zone *time.Location) time.Time {
	year, month, of := d.date()
	local := t.In(zone)
	return time.Date(year, month, of, local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), zone).UTC()
}

// firstDay is the first day from..to that holds, where all behind it hold, too.
func firstDay(from, to day, holds func(day) bool) day {
	return from + day(sort.Search(int(to-from), func(i int) bool { return holds(from + day(i)) }))
}

// slack is how far a month's or a year's end may move a date.
const slack = 32

// fixed is the length of a unit that is not counted on the calendar.
func fixed(n int, unit filter.Unit) (time.Duration, bool) {
	switch unit {
	case filter.Minute:
		return time.Duration(n) * time.Minute, true
	case filter.Hour:
		return time.Duration(n) * time.Hour, true
	case filter.Day, filter.Week, filter.Month, filter.Year:
	}
	return 0, false
}

const tick = time.Microsecond

// until is the first instant at which t is no longer in the last n units. On the
// calendar that is just after its time of day on the last day that t's date
// lies n units before.
func until(t time.Time, n int, unit filter.Unit, zone *time.Location) time.Time {
	if d, ok := fixed(n, unit); ok {
		return t.Add(d + tick)
	}
	d := dayIn(t, zone)
	gone := goneDay(d, n, unit)
	if last := gone - 1; last.plus(-n, unit) == d {
		return last.at(t, zone).Add(tick)
	}
	return gone.midnight(zone)
}

// since is the first instant at which t is in the next n units.
func since(t time.Time, n int, unit filter.Unit, zone *time.Location) time.Time {
	if d, ok := fixed(n, unit); ok {
		return t.Add(-d)
	}
	d := dayIn(t, zone)
	first := comingDay(d, n, unit)
	if first.plus(n, unit) == d {
		return first.at(t, zone)
	}
	return first.midnight(zone)
}

// goneDay is the first day of which d lies more than n units before.
func goneDay(d day, n int, unit filter.Unit) day {
	return firstDay(d, d.plus(n, unit)+slack, func(today day) bool { return today.plus(-n, unit) > d })
}

// comingDay is the first day of which d lies at most n units ahead.
func comingDay(d day, n int, unit filter.Unit) day {
	return firstDay(d.plus(-n, unit)-slack, d, func(today day) bool { return today.plus(n, unit) >= d })
}

// period answers the days of a period around today, the last one excluded.
func period(p filter.Period, today day, weekStart time.Weekday) (start, end day) {
	unit, shift := filter.Day, 0
	switch p {
	case filter.Today:
	case filter.Yesterday:
		shift = -1
	case filter.Tomorrow:
		shift = 1
	case filter.ThisWeek:
		unit = filter.Week
	case filter.LastWeek:
		unit, shift = filter.Week, -1
	case filter.NextWeek:
		unit, shift = filter.Week, 1
	case filter.ThisMonth:
		unit = filter.Month
	case filter.LastMonth:
		unit, shift = filter.Month, -1
	case filter.NextMonth:
		unit, shift = filter.Month, 1
	case filter.ThisYear:
		unit = filter.Year
	case filter.LastYear:
		unit, shift = filter.Year, -1
	case filter.NextYear:
		unit, shift = filter.Year, 1
	}
	start = today.startOf(unit, weekStart).plus(shift, unit)
	return start, start.plus(1, unit)
}

// anniversaryIn is the day of a year on which a date has its anniversary: that
// of February 29 is the 28th in years without one.
func anniversaryIn(year int, d day) day {
	_, month, of := d.date()
	first := dayOf(filter.Date{Year: year, Month: month, Day: 1})
	return min(first+day(of-1), first.plus(1, filter.Month)-1)
}
