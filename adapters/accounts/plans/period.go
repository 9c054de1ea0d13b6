package plans

import "time"

// Period is a stretch of time that is counted by itself, from Start until before
// End. A zero End is never.
type Period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end,omitzero"`
}

// always is the one period of counters that never begin anew.
var always = Period{Start: time.Unix(0, 0).UTC()}

// monthOf is the period around an instant. Periods begin with the first instant
// of the anchor day in the zone, or of the month's last day where a month is
// shorter; the day after a shorter month is the anchor's again.
func monthOf(anchor int, zone *time.Location, at time.Time) Period {
	year, month, _ := at.In(zone).Date()
	start := dayStart(year, month, anchor, zone)
	if at.Before(start) {
		return Period{Start: dayStart(year, month-1, anchor, zone), End: start}
	}
	return Period{Start: start, End: dayStart(year, month+1, anchor, zone)}
}

// dayStart is the first instant that falls on a day of a month in a zone, or on
// the month's last day if it is shorter. Where clocks skip midnight, that is when
// they go on.
func dayStart(year int, month time.Month, day int, zone *time.Location) time.Time {
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC) // normalises the month, too
	midnight := time.Date(last.Year(), last.Month(), min(day, last.Day()), 0, 0, 0, 0, time.UTC)
	// Offsets are within a day of UTC, so the day begins after low and before high.
	low, high := midnight.Add(-36*time.Hour), midnight.Add(36*time.Hour)
	for edge := low; ; {
		_, next := edge.In(zone).ZoneBounds()
		_, offset := edge.In(zone).Zone()
		begins := midnight.Add(-time.Duration(offset) * time.Second)
		if begins.Before(edge) {
			begins = edge // the clocks jumped over midnight to here
		}
		if next.IsZero() || begins.Before(next) || !next.Before(high) {
			return begins.UTC()
		}
		edge = next
	}
}
