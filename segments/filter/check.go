package filter

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

// checker walks a tree and notes what is wrong with it, under the pointers that
// its document would have.
type checker struct {
	*faults
	nodes    int
	patterns int
}

// checkFilter notes the faults of a filter whose defaults are filled in.
func checkFilter(f Filter, found *faults) {
	c := &checker{faults: found}
	if !isWord(string(f.Entity)) {
		c.add("/entity", FaultInvalid, "%q is no object type; want lower-case letters, digits and _", clip(string(f.Entity)))
	}
	c.zone("/tz", f.Zone)
	c.node("/where", f.Where, 0, false)
	if len(c.list) > 0 {
		return
	}
	size := len(encodeFilter(f))
	if size > MaxBytes-MaxNodes { // the normal form may be longer by a byte a condition, and is stored, too
		size = max(size, len(encodeFilter(f.Normal())))
	}
	if size > MaxBytes {
		c.add("", FaultTooLong, "%d bytes, at most %d", size, MaxBytes)
	}
}

// node checks one condition; within says whether it stands in an event's where.
func (c *checker) node(path string, n Node, depth int, within bool) {
	if c.nodes++; c.nodes > MaxNodes {
		c.add("/where", FaultTooMany, "more than %d conditions", MaxNodes)
		return
	}
	if depth > MaxDepth {
		c.add(path, FaultTooDeep, "nested deeper than %d levels", MaxDepth)
		return
	}
	switch n := n.(type) {
	case All, None, Any, Not:
	case PropLeaf:
		if !within {
			c.add(path, FaultMisplaced, "a property is tested in the where of an event")
		}
		c.name(path+"/prop", n.Key)
		c.test(path, n.Test)
	case AttrLeaf:
		c.outside(path, within)
		c.name(path+"/attr", n.Key)
		c.test(path, n.Test)
	case EventLeaf:
		c.outside(path, within)
		c.event(path, n)
	case TagLeaf:
		c.outside(path, within)
		c.name(path+"/id", n.ID)
	case ListLeaf:
		c.outside(path, within)
		c.name(path+"/id", n.ID)
		if n.State != "" && !n.State.known() {
			c.add(path+"/state", FaultUnknown, "unknown list state %q", clip(string(n.State)))
		}
	case SegmentLeaf:
		c.outside(path, within)
		c.name(path+"/id", n.ID)
	case BucketLeaf:
		c.outside(path, within)
		c.bucket(path+"/bucket", n)
	case broken:
		return
	case nil:
		c.add(path, FaultRequired, "a condition is required")
		return
	default:
		c.add(path, FaultUnknown, "a %T is no condition; nodes are values, not pointers", n)
		return
	}
	some := false
	for at, below := range children(path, n) {
		some = true
		if c.nodes > MaxNodes {
			break
		}
		_, event := n.(EventLeaf)
		c.node(at, below, depth+1, within || event)
	}
	if _, every := n.(All); !some && !every && holdsNodes(n) {
		c.add(path, FaultRequired, "at least one condition is required")
	}
}

func holdsNodes(n Node) bool {
	switch n.(type) {
	case All, Any, None, Not:
		return true
	}
	return false
}

func (c *checker) outside(path string, within bool) {
	if within {
		c.add(path, FaultMisplaced, "the where of an event tests its properties only")
	}
}

func (c *checker) event(path string, e EventLeaf) {
	c.name(path+"/event", e.Name)
	least, most, bounded := e.Count.Bounds()
	switch {
	case !bounded && least < 1, bounded && least == 0 && most >= MaxCount:
		c.add(path+"/value", FaultConstant, "always true: everyone has that many occurrences")
	case least < 0 || least > MaxCount || bounded && (most < least || most > MaxCount):
		c.add(path+"/value", FaultOutOfRange, "counts go from 0 to %d, the lower one first", MaxCount)
	}
	c.window(path+"/window", e.Window)
}

func (c *checker) window(path string, w Window) {
	if w.Kind != WindowCalendar && w.Zone != "" {
		c.add(path+"/tz", FaultNotApplicable, "only a calendar window has a zone")
	}
	switch w.Kind {
	case WindowEver:
	case WindowRolling:
		far, near := path+"/between/0", path+"/between/1"
		if w.Near == 0 {
			far = path + "/last"
		}
		c.length(far, w.Far, 1)
		c.length(near, w.Near, 0)
		if w.Near >= w.Far {
			c.add(path, FaultOutOfRange, "the further end comes first and the ends differ")
		}
	case WindowAbsolute:
		c.bounds(path, w.From, w.Until)
	case WindowCalendar:
		span := w.Calendar
		c.units(path, span.N, span.Unit)
		if span.Unit != 0 && span.Unit < Day {
			c.add(path+"/unit", FaultInvalid, "the calendar counts days or longer; use a rolling window")
		}
		if span.Current && span.N != 1 {
			c.add(path+"/n", FaultNotApplicable, "there is one current %s", span.Unit)
		}
		if w.Zone != "" {
			c.zone(path+"/tz", w.Zone)
		}
	default:
		c.add(path, FaultUnknown, "unknown kind of window")
	}
}

func (c *checker) length(path string, d, least time.Duration) {
	if d < least || d > MaxWindow || d%time.Second != 0 {
		c.add(path, FaultOutOfRange, "want whole seconds, at most %s", formatDuration(MaxWindow))
	}
}

func (c *checker) bounds(path string, from, until time.Time) {
	if from.IsZero() && until.IsZero() {
		c.add(path, FaultRequired, "from or until is required")
	}
	for key, t := range map[string]time.Time{"/from": from, "/until": until} {
		if !t.IsZero() && !validInstant(t) {
			c.add(path+key, FaultOutOfRange, "want microseconds in the years %d to %d", MinYear, MaxYear)
		}
	}
	if !from.IsZero() && !until.IsZero() && !from.Before(until) {
		c.add(path+"/until", FaultOutOfRange, "until is after from")
	}
}

func (c *checker) units(path string, n int, unit Unit) {
	if n < 1 || n > MaxUnits {
		c.add(path+"/n", FaultOutOfRange, "want 1 to %d", MaxUnits)
	}
	if unit < Minute || unit > Year {
		c.add(path+"/unit", FaultRequired, "a unit is required: minute, hour, day, week, month or year")
	}
}

func (c *checker) bucket(path string, b BucketLeaf) {
	c.name(path+"/salt", b.Salt)
	if b.From < 0 || b.From >= MaxBucket {
		c.add(path+"/from", FaultOutOfRange, "want 0 to %d", MaxBucket-1)
	}
	if b.To <= b.From || b.To > MaxBucket {
		c.add(path+"/to", FaultOutOfRange, "want more than from, at most %d", MaxBucket)
	}
}

// name checks a key, an id or a salt.
func (c *checker) name(path, s string) {
	switch {
	case s == "":
		c.add(path, FaultRequired, "may not be empty")
	case len(s) > MaxKey:
		c.add(path, FaultTooLong, "%d bytes, at most %d", len(s), MaxKey)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		c.add(path, FaultInvalid, "control characters and invalid UTF-8 are refused")
	}
}

func (c *checker) zone(path string, z Zone) {
	if z == "Local" || len(z) > 64 || !isZone(string(z)) {
		c.add(path, FaultInvalid, `%q is no zone; want "workspace", "contact" or an IANA name`, clip(string(z)))
	}
}

// isZone holds for the alphabet of the IANA database, which cannot leave its
// directory.
func isZone(s string) bool {
	for i, r := range s {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789_+-/", r)) {
			return false
		}
	}
	return s != ""
}

func isWord(s string) bool {
	for i, r := range s {
		if (r < 'a' || r > 'z') && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func validMoney(m Money) error { return engage.Money(m).Validate() }
