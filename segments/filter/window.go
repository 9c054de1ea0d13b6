package filter

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-engage/engage"
)

// WindowKind tells windows apart.
type WindowKind uint8

// The kinds of windows.
const (
	WindowEver     WindowKind = iota // all time up to now
	WindowRolling                    // now−Far ≤ t ≤ now−Near
	WindowAbsolute                   // From ≤ t < Until, and t ≤ now
	WindowCalendar                   // whole local days, in a zone
)

// Window is a stretch of time that occurrences are counted in. The zero Window
// is ever. Only the fields of its kind are set.
type Window struct {
	Kind WindowKind
	// Far and Near are the ends of a rolling window, as lengths before now, both
	// inclusive. They are fixed lengths: 7 days are 168 hours even when the
	// clocks change.
	Far, Near time.Duration
	// From and Until are the ends of an absolute window; a zero one is open.
	From, Until time.Time
	// Calendar is the stretch of a calendar window, Zone the zone of its days.
	Calendar CalendarSpan
	Zone     Zone // "": the filter's
}

// CalendarSpan is a stretch of civil time that ends now. Without Current it
// begins at the local midnight N units before today (one month before March 31
// is the last of February); with Current, at the start of the current unit, and
// N is 1.
type CalendarSpan struct {
	Current bool
	N       int
	Unit    Unit // Day to Year
}

// Unit is a unit of civil time. Minutes and hours are fixed lengths; the others
// are counted on the calendar of a zone.
type Unit uint8

// The units.
const (
	Minute Unit = iota + 1
	Hour
	Day
	Week
	Month
	Year
)

var unitWords = [...]string{Minute: "minute", Hour: "hour", Day: "day", Week: "week", Month: "month", Year: "year"}

// String is the unit's word, in the singular.
func (u Unit) String() string { return word(unitWords[:], int(u)) }

// Ever is all time up to now.
func Ever() Window { return Window{} }

// Last is the rolling window of length d that ends now.
func Last(d time.Duration) Window { return Window{Kind: WindowRolling, Far: d} }

// Ago is the rolling window from far ago to near ago.
func Ago(far, near time.Duration) Window { return Window{Kind: WindowRolling, Far: far, Near: near} }

// From is the absolute window from one instant until, not including, another; a
// zero time leaves that end open.
func From(from, until time.Time) Window {
	return Window{Kind: WindowAbsolute, From: engage.Instant(from), Until: engage.Instant(until)}
}

// LastUnits is the calendar window that began n units before today.
func LastUnits(n int, unit Unit) Window {
	return Window{Kind: WindowCalendar, Calendar: CalendarSpan{N: n, Unit: unit}}
}

// ThisUnit is the calendar window that began with the current unit.
func ThisUnit(unit Unit) Window {
	return Window{Kind: WindowCalendar, Calendar: CalendarSpan{Current: true, N: 1, Unit: unit}}
}

// InZone is a calendar window whose days are those of a zone.
func (w Window) InZone(zone Zone) Window {
	w.Zone = zone
	return w
}

var durationUnits = []struct {
	suffix byte
	length time.Duration
}{{'d', 24 * time.Hour}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}

// formatDuration writes a multiple of a second in its largest whole unit.
func formatDuration(d time.Duration) string {
	for _, u := range durationUnits {
		if d%u.length == 0 && d != 0 {
			return strconv.FormatInt(int64(d/u.length), 10) + string(u.suffix)
		}
	}
	return "0s"
}

// parseDuration reads digits and one of the letters d, h, m, s.
func parseDuration(s string) (time.Duration, error) {
	if len(s) >= 2 && len(s) <= 12 && '0' <= s[0] && s[0] <= '9' {
		for _, u := range durationUnits {
			if s[len(s)-1] != u.suffix {
				continue
			}
			n, err := strconv.ParseInt(s[:len(s)-1], 10, 64)
			if err == nil && n > int64(MaxWindow/u.length) {
				return 0, fmt.Errorf("%q is longer than %s", clip(s), formatDuration(MaxWindow))
			}
			if err == nil {
				return time.Duration(n) * u.length, nil
			}
		}
	}
	return 0, fmt.Errorf(`%q is no duration; write it as "7d", "12h", "30m" or "45s"`, clip(s))
}

// word is words[i], or a number for what is outside.
func word(words []string, i int) string {
	if i > 0 && i < len(words) {
		return words[i]
	}
	return "#" + strconv.Itoa(i)
}

// lookup is the index of a word, 0 for an unknown one.
func lookup(words []string, s string) int {
	for i, w := range words {
		if i > 0 && w == s {
			return i
		}
	}
	return 0
}
