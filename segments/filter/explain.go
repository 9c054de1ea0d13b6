package filter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// String says in English whom the filter chooses. It is for people and may
// change; programs take the document.
func (f Filter) String() string {
	f = f.withDefaults()
	return string(f.Entity) + "s where " + explain(f.Where, 0)
}

// explain words one condition; deeper trees than valid ones are cut.
func explain(n Node, depth int) string {
	if depth > MaxDepth {
		return "…"
	}
	switch n := n.(type) {
	case All:
		if len(n) == 0 {
			return "anything holds"
		}
		return join(n, " and ", depth)
	case Any:
		return join(n, " or ", depth)
	case None:
		return "none of (" + join(n, ", ", depth) + ")"
	case Not:
		return "not (" + explain(n.Node, depth+1) + ")"
	case AttrLeaf:
		return explainTest(n.Key, n.Test)
	case PropLeaf:
		return explainTest(n.Key, n.Test)
	case EventLeaf:
		return explainEvent(n, depth)
	case TagLeaf:
		return explainMember("tagged", n.ID, n.Absent)
	case ListLeaf:
		state := string(n.State.orDefault())
		if n.State == StateAny {
			state = "in any state"
		}
		return explainMember(state+" on list", n.ID, n.Absent)
	case SegmentLeaf:
		return explainMember("in segment", n.ID, n.Absent)
	case BucketLeaf:
		return fmt.Sprintf("in buckets %d to %d of %q", n.From, n.To-1, n.Salt)
	}
	return "(nothing)"
}

func join(nodes []Node, glue string, depth int) string {
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = explain(n, depth+1)
		switch group := n.(type) {
		case All:
			if len(group) > 1 {
				parts[i] = "(" + parts[i] + ")"
			}
		case Any:
			if len(group) > 1 {
				parts[i] = "(" + parts[i] + ")"
			}
		}
	}
	return strings.Join(parts, glue)
}

func explainMember(what, id string, absent bool) string {
	if absent {
		what = "not " + what
	}
	return what + " " + strconv.Quote(id)
}

func explainTest(key string, t Test) string {
	var b strings.Builder
	b.WriteString(strings.Join(append([]string{key}, t.Path...), "."))
	b.WriteString(" ")
	b.WriteString(t.Op.row().phrase)
	if t.Value != nil {
		b.WriteString(" ")
		glue := ", "
		if t.Op.row().shape == pairOfLiterals {
			glue = " and "
		}
		b.WriteString(explainValue(t.Value, t.Op.row().shape, glue))
	}
	var notes []string
	if t.IgnoreCase {
		notes = append(notes, "ignoring case")
	}
	if t.Cast {
		notes = append(notes, "converted")
	}
	if t.Missing != MissingDefault && t.MatchesMissing() {
		notes = append(notes, "or missing")
	} else if t.Missing != MissingDefault {
		notes = append(notes, "and not missing")
	}
	if t.Zone != "" {
		notes = append(notes, "time of "+string(t.Zone))
	}
	if len(notes) > 0 {
		b.WriteString(" (" + strings.Join(notes, ", ") + ")")
	}
	return b.String()
}

func explainValue(v Value, form shape, glue string) string {
	switch v := v.(type) {
	case Text:
		return strconv.Quote(string(v))
	case Values:
		parts := make([]string, len(v))
		for i, member := range v {
			parts[i] = explainValue(member, form, glue)
		}
		return strings.Join(parts, glue)
	case Number:
		if n, _ := v.Int64(); form == someWeekdays && 1 <= n && n <= 7 {
			return time.Weekday(n % 7).String()
		}
		return v.String()
	case Span:
		return units(v.N, v.Unit)
	case Period:
		return strings.ReplaceAll(v.String(), "_", " ")
	case Anniversary:
		switch {
		case v.OffsetDays > 0:
			return "in " + units(v.OffsetDays, Day)
		case v.OffsetDays < 0:
			return units(-v.OffsetDays, Day) + " ago"
		}
		return "today"
	case fmt.Stringer:
		return v.String()
	}
	return "?"
}

func units(n int, unit Unit) string {
	if n == 1 {
		return "1 " + unit.String()
	}
	return strconv.Itoa(n) + " " + unit.String() + "s"
}

func explainEvent(e EventLeaf, depth int) string {
	least, most, bounded := e.Count.Bounds()
	var b strings.Builder
	switch {
	case bounded && most == 0:
		fmt.Fprintf(&b, "did not do %q", e.Name)
	case !bounded && least == 1:
		fmt.Fprintf(&b, "did %q", e.Name)
	case !bounded:
		fmt.Fprintf(&b, "did %q at least %s", e.Name, times(least))
	case least == most:
		fmt.Fprintf(&b, "did %q exactly %s", e.Name, times(least))
	case least == 0:
		fmt.Fprintf(&b, "did %q at most %s", e.Name, times(most))
	default:
		fmt.Fprintf(&b, "did %q %d to %s", e.Name, least, times(most))
	}
	b.WriteString(e.Window.phrase())
	if e.Where != nil {
		b.WriteString(" with (" + explain(e.Where, depth+1) + ")")
	}
	return b.String()
}

func times(n int) string {
	if n == 1 {
		return "1 time"
	}
	return strconv.Itoa(n) + " times"
}

// String says in English when the window is, as "in the last 7d".
func (w Window) String() string {
	if phrase := w.phrase(); phrase != "" {
		return strings.TrimPrefix(phrase, " ")
	}
	return "ever"
}

func (w Window) phrase() string {
	zone := ""
	if w.Zone != "" {
		zone = " (time of " + string(w.Zone) + ")"
	}
	switch w.Kind {
	case WindowEver:
	case WindowRolling:
		if w.Near == 0 {
			return " in the last " + formatDuration(w.Far)
		}
		return " from " + formatDuration(w.Far) + " to " + formatDuration(w.Near) + " ago"
	case WindowAbsolute:
		out := ""
		if !w.From.IsZero() {
			out = " from " + w.From.Format(time.RFC3339)
		}
		if !w.Until.IsZero() {
			out += " until " + w.Until.Format(time.RFC3339)
		}
		return out
	case WindowCalendar:
		if w.Calendar.Current {
			return " this " + w.Calendar.Unit.String() + zone
		}
		return " since midnight " + units(w.Calendar.N, w.Calendar.Unit) + " ago" + zone
	}
	return ""
}
