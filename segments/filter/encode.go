package filter

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// The encoder writes one document for one tree: fields in a fixed order, all
// defaults but those of leaves on values spelled out, no spaces. A node that is
// not valid is written somehow; only valid filters leave the package.

func encodeFilter(f Filter) []byte {
	f = f.withDefaults()
	b := []byte(`{"v":1,"entity":`)
	b = appendString(b, string(f.Entity))
	b = append(b, `,"tz":`...)
	b = appendString(b, string(f.Zone))
	b = append(b, `,"where":`...)
	b = appendNode(b, f.Where)
	return append(b, '}')
}

func appendNode(b []byte, n Node) []byte {
	switch n := n.(type) {
	case All:
		return appendNodes(b, "all", n)
	case Any:
		return appendNodes(b, "any", n)
	case None:
		return appendNodes(b, "none", n)
	case Not:
		b = append(b, `{"not":`...)
		b = appendNode(b, n.Node)
	case AttrLeaf:
		b = append(b, `{"attr":`...)
		b = appendString(b, n.Key)
		b = appendTest(b, n.Test)
	case PropLeaf:
		b = append(b, `{"prop":`...)
		b = appendString(b, n.Key)
		b = appendTest(b, n.Test)
	case EventLeaf:
		b = appendEvent(b, n)
	case TagLeaf:
		b = appendMember(b, "tag", n.ID, "", n.Absent)
	case ListLeaf:
		b = appendMember(b, "list", n.ID, n.State.orDefault(), n.Absent)
	case SegmentLeaf:
		b = appendMember(b, "segment", n.ID, "", n.Absent)
	case BucketLeaf:
		b = append(b, `{"bucket":{"salt":`...)
		b = appendString(b, n.Salt)
		b = fmt.Appendf(b, `,"from":%d,"to":%d}`, n.From, n.To)
	default:
		return append(b, "null"...)
	}
	return append(b, '}')
}

func appendNodes(b []byte, key string, nodes []Node) []byte {
	b = append(b, `{"`...)
	b = append(b, key...)
	b = append(b, `":[`...)
	for i, n := range nodes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNode(b, n)
	}
	return append(b, "]}"...)
}

func appendMember(b []byte, kind, id string, state ListState, absent bool) []byte {
	b = append(b, `{"member":"`...)
	b = append(b, kind...)
	b = append(b, `","id":`...)
	b = appendString(b, id)
	if state != "" {
		b = append(b, `,"state":`...)
		b = appendString(b, string(state))
	}
	b = append(b, `,"is":`...)
	return strconv.AppendBool(b, !absent)
}

func appendEvent(b []byte, e EventLeaf) []byte {
	b = append(b, `{"event":`...)
	b = appendString(b, e.Name)
	least, most, bounded := e.Count.Bounds()
	switch {
	case !bounded:
		b = fmt.Appendf(b, `,"op":"gte","value":%d`, least)
	case least == most:
		b = fmt.Appendf(b, `,"op":"eq","value":%d`, least)
	case least == 0:
		b = fmt.Appendf(b, `,"op":"lte","value":%d`, most)
	default:
		b = fmt.Appendf(b, `,"op":"between","value":[%d,%d]`, least, most)
	}
	if e.Where != nil {
		b = append(b, `,"where":`...)
		b = appendNode(b, e.Where)
	}
	return appendWindow(b, e.Window)
}

func appendWindow(b []byte, w Window) []byte {
	switch w.Kind {
	case WindowRolling:
		if w.Near == 0 {
			return fmt.Appendf(b, `,"window":{"last":"%s"}`, formatDuration(w.Far))
		}
		return fmt.Appendf(b, `,"window":{"between":["%s","%s"]}`, formatDuration(w.Far), formatDuration(w.Near))
	case WindowAbsolute:
		b = append(b, `,"window":{`...)
		separator := ""
		for _, end := range []struct {
			key string
			at  time.Time
		}{{"from", w.From}, {"until", w.Until}} {
			if !end.at.IsZero() {
				b = fmt.Appendf(b, `%s"%s":"%s"`, separator, end.key, Instant(end.at))
				separator = ","
			}
		}
	case WindowCalendar:
		b = append(b, `,"window":{"calendar":`...)
		if w.Calendar.Current {
			b = append(b, `"this"`...)
		} else {
			b = fmt.Appendf(b, `"last","n":%d`, w.Calendar.N)
		}
		b = fmt.Appendf(b, `,"unit":"%s"`, w.Calendar.Unit)
		if w.Zone != "" {
			b = append(b, `,"tz":`...)
			b = appendString(b, string(w.Zone))
		}
	case WindowEver:
		return b
	default:
		return b
	}
	return append(b, '}')
}

func appendTest(b []byte, t Test) []byte {
	for i, step := range t.Path {
		if i == 0 {
			b = append(b, `,"path":[`...)
		} else {
			b = append(b, ',')
		}
		b = appendString(b, step)
	}
	if len(t.Path) > 0 {
		b = append(b, ']')
	}
	if ambiguous(t) {
		b = append(b, `,"type":"number"`...)
	}
	b = append(b, `,"op":`...)
	b = appendString(b, t.Op.String())
	if t.Value != nil {
		b = append(b, `,"value":`...)
		b = appendValue(b, t.Value)
	}
	if t.IgnoreCase {
		b = append(b, `,"ci":true`...)
	}
	if t.Cast {
		b = append(b, `,"cast":true`...)
	}
	switch t.Missing {
	case MissingDefault:
	case MissingMatches:
		b = append(b, `,"missing":"match"`...)
	case MissingFails:
		b = append(b, `,"missing":"nomatch"`...)
	}
	if t.Zone != "" {
		b = append(b, `,"tz":`...)
		b = appendString(b, string(t.Zone))
	}
	return b
}

// ambiguous reports whether a number that is written as a string would be read
// as text.
func ambiguous(t Test) bool {
	if !t.Op.row().literals.has(TypeString) {
		return false
	}
	set, ok := t.Value.(Values)
	if !ok {
		set = Values{t.Value}
	}
	for _, v := range set {
		if n, ok := v.(Number); ok && !exactInJSON(n) {
			return true
		}
	}
	return false
}

// exactInJSON holds for the integers that every JSON reader keeps exact; all
// other numbers are written as strings.
func exactInJSON(n Number) bool {
	i, ok := n.Int64()
	return ok && -(1<<53) <= i && i <= 1<<53
}

func appendValue(b []byte, v Value) []byte {
	switch v := v.(type) {
	case Text:
		return appendString(b, string(v))
	case Number:
		if exactInJSON(v) {
			return append(b, v.String()...)
		}
		return appendString(b, v.String())
	case Money:
		b = fmt.Appendf(b, `{"minor":%d,"currency":`, v.Minor)
		b = appendString(b, string(v.Currency))
		return append(b, '}')
	case Date:
		return appendString(b, v.String())
	case Instant:
		return appendString(b, v.String())
	case Values:
		b = append(b, '[')
		for i, member := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, member)
		}
		return append(b, ']')
	case Span:
		return fmt.Appendf(b, `{"n":%d,"unit":"%s"}`, v.N, v.Unit)
	case Period:
		return appendString(b, v.String())
	case Anniversary:
		return fmt.Appendf(b, `{"offset_days":%d}`, v.OffsetDays)
	}
	return append(b, "null"...)
}

// appendString quotes s. It escapes what JSON demands, and U+2028 and U+2029,
// which some readers take for the end of a line; nothing else.
func appendString(b []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		case r == '\u2028' || r == '\u2029':
			b = append(b, '\\', 'u', '2', '0', '2', hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
