package segments

import (
	"time"

	"github.com/go-engage/engage/segments/filter"
)

// eventLeaf counts what a contact did.
type eventLeaf struct {
	name   string
	count  filter.Count
	where  predicate // nil: every occurrence
	window filter.Window
	zone   filter.Zone
}

func (c compiler) event(e filter.EventLeaf) (condition, error) {
	leaf := eventLeaf{name: e.Name, count: e.Count, window: e.Window, zone: c.zoneOf(e.Window.Zone)}
	if e.Where == nil {
		return leaf, nil
	}
	var err error
	leaf.where, err = c.predicate(e.Where)
	return leaf, err
}

func (l eventLeaf) cost() int {
	if l.where != nil {
		return 30
	}
	return 10
}

func (l eventLeaf) judge(s *subject) verdict {
	zone := s.location(l.zone)
	if l.where == nil && !s.counting {
		if v, ok := l.byFact(s.facts[l.name], s, zone); ok {
			return v
		}
	}
	if s.history == nil {
		s.wants = append(s.wants, want{l.name, l.since(s, zone)})
		return verdict{unknown: true}
	}
	var spans []span
	var next time.Time
	for _, o := range s.history[l.name] {
		when := l.counts(o.at, s, zone)
		if !when.leave.IsZero() && !s.now.Before(when.leave) {
			continue
		}
		if l.where != nil {
			properties, _ := o.properties.Members()
			v := l.where.holds(properties, s)
			next = earlier(next, v.next)
			if !v.truth {
				continue
			}
		}
		spans = append(spans, when)
	}
	v := count(spans, l.count, s.now)
	v.next = earlier(v.next, next)
	return v
}

// byFact judges by what the facts say; false if that takes the history.
func (l eventLeaf) byFact(f Fact, s *subject, zone *time.Location) (verdict, bool) {
	switch f.Count {
	case 0:
		return steady(l.count.Holds(0)), true
	case 1:
		return count([]span{l.counts(f.FirstAt, s, zone)}, l.count, s.now), true
	case 2:
		return count([]span{l.counts(f.FirstAt, s, zone), l.counts(f.LastAt, s, zone)}, l.count, s.now), true
	}
	first, last := l.counts(f.FirstAt, s, zone), l.counts(f.LastAt, s, zone)
	if !last.leave.IsZero() && !s.now.Before(last.leave) && l.window.Kind != filter.WindowAbsolute {
		return steady(l.count.Holds(0)), true // the newest has left, hence all
	}
	switch l.window.Kind {
	case filter.WindowEver:
		return steady(l.count.Holds(f.Count)), !s.now.Before(f.LastAt)
	case filter.WindowAbsolute:
		inside := first.leave.IsZero() && last.leave.IsZero()
		return steady(l.count.Holds(f.Count)), inside && !s.now.Before(f.LastAt)
	case filter.WindowRolling, filter.WindowCalendar:
		// Whether there is any at all is the newest one's to say.
		least, most, bounded := l.count.Bounds()
		some := !bounded && least == 1
		none := bounded && least == 0 && most == 0
		if (some || none) && !s.now.Before(last.enter) {
			return verdict{truth: some, next: last.leave}, true
		}
	}
	return verdict{}, false
}

// counts is when an occurrence is in the window.
func (l eventLeaf) counts(at time.Time, s *subject, zone *time.Location) span {
	switch w := l.window; w.Kind {
	case filter.WindowRolling:
		return span{at.Add(w.Near), at.Add(w.Far + tick)}
	case filter.WindowAbsolute:
		if !w.From.IsZero() && at.Before(w.From) || !w.Until.IsZero() && !at.Before(w.Until) {
			return span{at, at}
		}
	case filter.WindowCalendar:
		d, c := dayIn(at, zone), w.Calendar
		gone := firstDay(d, d.plus(c.N, c.Unit)+slack, func(today day) bool { return l.begins(today, s) > d })
		return span{at, gone.midnight(zone)}
	case filter.WindowEver:
	}
	return span{enter: at}
}

// begins is the first day of a calendar window on a day.
func (l eventLeaf) begins(today day, s *subject) day {
	if l.window.Calendar.Current {
		return today.startOf(l.window.Calendar.Unit, s.weekStart)
	}
	return today.plus(-l.window.Calendar.N, l.window.Calendar.Unit)
}

// since is the time before which occurrences are in the window no more; zero if
// they may be however old.
func (l eventLeaf) since(s *subject, zone *time.Location) time.Time {
	switch w := l.window; w.Kind {
	case filter.WindowRolling:
		return s.now.Add(-w.Far)
	case filter.WindowAbsolute:
		return w.From
	case filter.WindowCalendar:
		return l.begins(dayIn(s.now, zone), s).midnight(zone)
	case filter.WindowEver:
	}
	return time.Time{}
}
