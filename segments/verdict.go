package segments

import (
	"slices"
	"time"

	"github.com/go-engage/engage/segments/filter"
)

// verdict is what a condition says of a contact now, and when it may say
// something else although nothing is done to the contact.
type verdict struct {
	truth bool
	// next is the first instant at which truth may differ; zero: never.
	next time.Time
	// unknown verdicts wait for the contact's history.
	unknown bool
}

func steady(truth bool) verdict { return verdict{truth: truth} }

func (v verdict) settled() bool { return !v.unknown && v.next.IsZero() }

func (v verdict) not() verdict {
	v.truth = !v.truth
	return v
}

// earlier and later treat the zero time as never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	if b.After(a) {
		return b
	}
	return a
}

// all joins verdicts by "and". A true whole changes when one part does; a false
// one can't before each of its false parts has.
func all(parts []verdict) verdict {
	whole, first := steady(true), true
	var next time.Time
	for _, p := range parts {
		whole.unknown = whole.unknown || p.unknown
		if p.truth {
			next = earlier(next, p.next)
			continue
		}
		whole.truth = false
		if first {
			whole.next, first = p.next, false
		} else {
			whole.next = later(whole.next, p.next)
		}
	}
	if whole.truth {
		whole.next = next
	}
	return whole
}

// span is when something holds: from enter on, until before leave. A zero enter
// is always, a zero leave never.
type span struct{ enter, leave time.Time }

func (s span) verdict(now time.Time) verdict {
	switch {
	case !s.leave.IsZero() && (!now.Before(s.leave) || !s.enter.Before(s.leave)):
		return steady(false)
	case now.Before(s.enter):
		return verdict{next: s.enter}
	}
	return verdict{truth: true, next: s.leave}
}

// count is the verdict on how many of the spans hold.
func count(spans []span, within filter.Count, now time.Time) verdict {
	type change struct {
		at    time.Time
		delta int
	}
	var changes []change
	n := 0
	for _, s := range spans {
		v := s.verdict(now)
		if v.truth {
			n++
		} else if !v.next.IsZero() {
			changes = append(changes, change{s.enter, 1})
		}
		if !v.next.IsZero() && !s.leave.IsZero() {
			changes = append(changes, change{s.leave, -1})
		}
	}
	whole := steady(within.Holds(n))
	slices.SortFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	for i, c := range changes {
		n += c.delta
		if i+1 < len(changes) && changes[i+1].at.Equal(c.at) {
			continue
		}
		if within.Holds(n) != whole.truth {
			whole.next = c.at
			break
		}
	}
	return whole
}
