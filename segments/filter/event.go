package filter

import "time"

// EventLeaf is true for objects whose number of occurrences of an event, within
// a window and where a predicate holds, lies in a range. Everything in Where is
// asked of one and the same occurrence. An occurrence dated in the future is not
// counted until its time has come.
type EventLeaf struct {
	Name   string
	Count  Count
	Where  Node // All, Any, None, Not and PropLeaf; nil: every occurrence
	Window Window
}

// Count is a range of numbers of occurrences. The zero Count is at least one,
// which is what "did" means.
type Count struct {
	Least   int
	Most    int  // counts if Bounded
	Bounded bool // false: there is no upper end
}

// Bounds are the ends of the range, both inclusive, with the zero Count
// resolved; without an upper end bounded is false.
func (c Count) Bounds() (least, most int, bounded bool) {
	if c == (Count{}) {
		return 1, 0, false
	}
	return c.Least, c.Most, c.Bounded
}

// Holds reports whether n lies in the range.
func (c Count) Holds(n int) bool {
	least, most, bounded := c.Bounds()
	return n >= least && (!bounded || n <= most)
}

// Event is true for objects that did the event at least once, ever.
func Event(name string) EventLeaf { return EventLeaf{Name: name, Count: Count{Least: 1}} }

// AtLeast asks for n occurrences or more; n is at least 1.
func (e EventLeaf) AtLeast(n int) EventLeaf {
	e.Count = Count{Least: n}
	if n == 0 { // always true, hence a fault, which the zero Count is not
		e.Count.Least = -1
	}
	return e
}

// AtMost asks for n occurrences or fewer, so objects without any are included.
func (e EventLeaf) AtMost(n int) EventLeaf {
	e.Count = Count{Most: n, Bounded: true}
	return e
}

// Exactly asks for n occurrences.
func (e EventLeaf) Exactly(n int) EventLeaf {
	e.Count = Count{Least: n, Most: n, Bounded: true}
	return e
}

// Times asks for least to most occurrences.
func (e EventLeaf) Times(least, most int) EventLeaf {
	e.Count = Count{Least: least, Most: most, Bounded: true}
	return e
}

// Never asks for no occurrence. Objects without any history match.
func (e EventLeaf) Never() EventLeaf { return e.Exactly(0) }

// Matching counts only occurrences for which the predicates hold, all of them,
// together with those of former calls.
func (e EventLeaf) Matching(predicates ...Node) EventLeaf {
	if e.Where != nil {
		predicates = append([]Node{e.Where}, predicates...)
	}
	e.Where = All(predicates)
	if len(predicates) == 1 {
		e.Where = predicates[0]
	}
	return e
}

// Within counts occurrences of the last d, a multiple of a second.
func (e EventLeaf) Within(d time.Duration) EventLeaf { return e.During(Last(d)) }

// Ago counts occurrences from far ago to near ago, as Ago(90*day, 30*day).
func (e EventLeaf) Ago(far, near time.Duration) EventLeaf { return e.During(Ago(far, near)) }

// During counts occurrences in a window.
func (e EventLeaf) During(w Window) EventLeaf {
	e.Window = w
	return e
}
