package plans

import (
	"testing"
	"time"

	_ "time/tzdata" // the rules that the cases are about
)

func TestPeriods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		anchor           int
		zone             string
		at               string
		wantFrom, wantTo string
	}{
		{"a month of the calendar", 1, "UTC", "2026-03-15T12:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		{"its first instant", 1, "UTC", "2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"},
		{"the instant before", 1, "UTC", "2026-02-28T23:59:59.999999Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"over the turn of the year", 15, "UTC", "2027-01-14T23:59:59Z", "2026-12-15T00:00:00Z", "2027-01-15T00:00:00Z"},
		{"an anchor that February has not", 31, "UTC", "2026-02-28T12:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"before February's last day", 31, "UTC", "2026-02-27T23:59:59Z", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"a leap year", 30, "UTC", "2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-30T00:00:00Z"},
		{"a month of thirty days", 31, "UTC", "2026-04-30T00:00:00Z", "2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z"},
		{"clocks go forward within it", 1, "Europe/Paris", "2026-03-29T12:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"},
		{"clocks go back within it", 1, "Europe/Paris", "2026-10-25T12:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"},
		{"the day of the change, going forward at two", 29, "Europe/Paris", "2026-03-29T00:30:00Z", "2026-03-28T23:00:00Z", "2026-04-28T22:00:00Z"},
		// São Paulo skipped midnight on 2018-11-04: the day began at one.
		{"a day without a midnight", 4, "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04T03:00:00Z", "2018-12-04T02:00:00Z"},
		{"before a day without a midnight", 4, "America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-10-04T03:00:00Z", "2018-11-04T03:00:00Z"},
		// It went back at midnight on 2018-02-18: 23:00 came twice, midnight once.
		{"midnight put off", 18, "America/Sao_Paulo", "2018-02-18T02:30:00Z", "2018-01-18T02:00:00Z", "2018-02-18T03:00:00Z"},
		// Havana goes back from one to midnight: midnight comes twice.
		{"a midnight that comes twice", 1, "America/Havana", "2026-11-01T04:30:00Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"},
		{"its second time", 1, "America/Havana", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"},
		// Apia had no 2011-12-30 at all.
		{"a day that was skipped", 30, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2012-01-29T10:00:00Z"},
		{"before a day that was skipped", 30, "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-11-30T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"far in the east", 1, "Pacific/Kiritimati", "2026-03-31T10:00:00Z", "2026-03-31T10:00:00Z", "2026-04-30T10:00:00Z"},
		{"far in the west", 1, "Pacific/Pago_Pago", "2026-04-01T10:59:59Z", "2026-03-01T11:00:00Z", "2026-04-01T11:00:00Z"},
		{"half an hour off", 10, "Asia/Kolkata", "2026-03-09T18:30:00Z", "2026-03-09T18:30:00Z", "2026-04-09T18:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := monthOf(c.anchor, zoneOf(t, c.zone), instant(t, c.at))
			if want := (Period{instant(t, c.wantFrom), instant(t, c.wantTo)}); got != want {
				t.Errorf("got %v to %v, want %v to %v", got.Start, got.End, want.Start, want.End)
			}
		})
	}
}

// Whatever the zone and the anchor, periods follow each other without a gap, and
// each instant of a period has that period.
func TestPeriodsCoverAllTime(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"UTC", "Europe/Paris", "America/New_York", "America/Sao_Paulo", "America/Havana", "Pacific/Apia", "Pacific/Kwajalein", "Africa/Cairo",
		"Asia/Beirut", "Asia/Tehran", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Scoresbysund", "Africa/Casablanca", "Antarctica/Troll",
	} {
		zone := zoneOf(t, name)
		for anchor := 1; anchor <= 31; anchor++ {
			p := monthOf(anchor, zone, instant(t, "1990-06-15T00:00:00Z"))
			for range 12 * 45 {
				length := p.End.Sub(p.Start)
				if length < 26*24*time.Hour || length > 33*24*time.Hour {
					t.Fatalf("%s %d: %v to %v", name, anchor, p.Start, p.End)
				}
				for _, at := range []time.Time{p.Start, p.Start.Add(length / 2), p.End.Add(-time.Microsecond)} {
					if got := monthOf(anchor, zone, at); got != p {
						t.Fatalf("%s %d: %v is in %v, want %v", name, anchor, at, got, p)
					}
				}
				next := monthOf(anchor, zone, p.End)
				if !next.Start.Equal(p.End) {
					t.Fatalf("%s %d: %v is followed by %v", name, anchor, p, next)
				}
				p = next
			}
		}
	}
}

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}
