package segments

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/segments/filter"
)

// naive evaluates a filter by its definition, at one instant: no facts, no
// spans, no preparation, Go values instead of canonical JSON. It is as slow as it
// is short.
type naive struct {
	p   person
	c   circumstances
	f   filter.Filter
	now time.Time
}

func (n naive) zone(z filter.Zone) *time.Location {
	if z == "" {
		z = n.f.Zone
	}
	workspace := zoneOf(n.c.zone)
	if workspace == nil {
		workspace = time.UTC
	}
	name := string(z)
	switch z {
	case filter.ZoneWorkspace, "":
		return workspace
	case filter.ZoneContact:
		name = n.p.zone
	}
	if zone := zoneOf(name); zone != nil {
		return zone
	}
	return workspace
}

func (n naive) holds(node filter.Node) bool {
	one := func(list []filter.Node) int {
		held := 0
		for _, below := range list {
			if n.holds(below) {
				held++
			}
		}
		return held
	}
	switch node := node.(type) {
	case filter.All:
		return one(node) == len(node)
	case filter.Any:
		return one(node) > 0
	case filter.None:
		return one(node) == 0
	case filter.Not:
		return !n.holds(node.Node)
	case filter.AttrLeaf:
		return n.test(object(n.p.attributes)[node.Key], node.Test)
	case filter.EventLeaf:
		count := 0
		for _, d := range n.p.did {
			if d.name == node.Name && n.inside(d.at, node.Window) && n.occurrence(node.Where, object(d.properties)) {
				count++
			}
		}
		return node.Count.Holds(count)
	case filter.TagLeaf:
		return slices.Contains(n.p.tags, node.ID) != node.Absent
	case filter.ListLeaf:
		state, in := n.p.lists[node.ID]
		in = in && (node.State == filter.StateAny || string(node.State) == string(state) || node.State == "" && state == contacts.Subscribed)
		return in != node.Absent
	}
	panic(fmt.Sprintf("%T", node))
}

func (n naive) occurrence(node filter.Node, properties map[string]any) bool {
	held, total := 0, 0
	count := func(list []filter.Node) {
		for _, below := range list {
			if total++; n.occurrence(below, properties) {
				held++
			}
		}
	}
	switch node := node.(type) {
	case nil:
		return true
	case filter.All:
		count(node)
		return held == total
	case filter.Any:
		count(node)
		return held > 0
	case filter.None:
		count(node)
		return held == 0
	case filter.Not:
		return !n.occurrence(node.Node, properties)
	case filter.PropLeaf:
		return n.test(properties[node.Key], node.Test)
	}
	panic(fmt.Sprintf("%T", node))
}

func object(document string) map[string]any {
	var out map[string]any
	dec := json.NewDecoder(strings.NewReader(or(document, "{}")))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		panic(err)
	}
	return out
}

// midnight is the first instant of a civil date, found by looking.
func midnight(year int, month time.Month, of int, zone *time.Location) time.Time {
	want := time.Date(year, month, of, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	t := time.Date(year, month, of, 0, 0, 0, 0, time.UTC).Add(-15 * time.Hour)
	for ; ; t = t.Add(15 * time.Minute) { // zones change on quarters of an hour
		if t.In(zone).Format(time.DateOnly) >= want {
			return t
		}
	}
}

// shift moves a civil date, and keeps to the end of the month.
func shift(year int, month time.Month, of, n int, unit filter.Unit) (int, time.Month, int) {
	//exhaustive:ignore
	switch unit {
	case filter.Day:
		return time.Date(year, month, of+n, 0, 0, 0, 0, time.UTC).Date()
	case filter.Week:
		return time.Date(year, month, of+7*n, 0, 0, 0, 0, time.UTC).Date()
	case filter.Year:
		n *= 12
	}
	y, m, _ := time.Date(year, month+time.Month(n), 1, 0, 0, 0, 0, time.UTC).Date()
	if last := time.Date(y, m+1, 0, 0, 0, 0, 0, time.UTC).Day(); of > last {
		of = last
	}
	return y, m, of
}

func unitStart(year int, month time.Month, of int, unit filter.Unit, weekStart time.Weekday) (int, time.Month, int) {
	//exhaustive:ignore
	switch unit {
	case filter.Week:
		for time.Date(year, month, of, 0, 0, 0, 0, time.UTC).Weekday() != weekStart {
			of--
		}
		return time.Date(year, month, of, 0, 0, 0, 0, time.UTC).Date()
	case filter.Month:
		return year, month, 1
	case filter.Year:
		return year, time.January, 1
	}
	return year, month, of
}

func (n naive) inside(t time.Time, w filter.Window) bool {
	if t.After(n.now) {
		return false
	}
	switch w.Kind {
	case filter.WindowRolling:
		return !t.Before(n.now.Add(-w.Far)) && !t.After(n.now.Add(-w.Near))
	case filter.WindowAbsolute:
		return (w.From.IsZero() || !t.Before(w.From)) && (w.Until.IsZero() || t.Before(w.Until))
	case filter.WindowCalendar:
		zone := n.zone(w.Zone)
		y, m, d := n.now.In(zone).Date()
		if w.Calendar.Current {
			y, m, d = unitStart(y, m, d, w.Calendar.Unit, n.c.weekStart)
		} else {
			y, m, d = shift(y, m, d, -w.Calendar.N, w.Calendar.Unit)
		}
		return !t.Before(midnight(y, m, d, zone))
	case filter.WindowEver:
	}
	return true
}

func (n naive) test(value any, t filter.Test) bool {
	for _, step := range t.Path {
		below, _ := value.(map[string]any)
		value = below[step]
	}
	op, negative := t.Op, t.Op.Negative()
	if negative {
		op, _ = t.Op.Complement()
	}
	if op == filter.OpSet {
		return (value != nil) != negative
	}
	if value != nil {
		if held, ok := n.compare(value, op, t); ok {
			return held != negative
		}
	}
	return t.MatchesMissing()
}

func (n naive) text(value any, t filter.Test) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), t.Cast
	case bool:
		return fmt.Sprint(v), t.Cast
	}
	return "", false
}

func (n naive) number(value any, t filter.Test) (*big.Rat, bool) {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		if text = strings.TrimSpace(v); !t.Cast || !regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`).MatchString(text) {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}

func folded(s string, t filter.Test) string {
	if s = norm.NFC.String(s); t.IgnoreCase {
		s = norm.NFC.String(cases.Fold().String(s))
	}
	return s
}

func (n naive) compare(value any, op filter.Operator, t filter.Test) (held, ok bool) {
	literals, isSet := t.Value.(filter.Values)
	if !isSet {
		literals = filter.Values{t.Value}
	}
	//exhaustive:ignore
	switch op {
	case filter.OpEq, filter.OpIn:
		for _, literal := range literals {
			same, fits := n.equal(value, literal, t)
			held, ok = held || same, ok || fits
		}
		return held, ok
	case filter.OpLt, filter.OpLte, filter.OpGt, filter.OpGte:
		order, ok := n.order(value, literals[0], t)
		return map[filter.Operator]bool{filter.OpLt: order < 0, filter.OpLte: order <= 0, filter.OpGt: order > 0, filter.OpGte: order >= 0}[op], ok
	case filter.OpBetween:
		low, ok := n.order(value, literals[0], t)
		high, _ := n.order(value, literals[1], t)
		return low >= 0 && high <= 0, ok
	case filter.OpEmpty:
		switch v := value.(type) {
		case string:
			return v == "", true
		case []any:
			return len(v) == 0, true
		}
		return false, false
	case filter.OpTrue, filter.OpFalse:
		truth, ok := value.(bool)
		if !ok && t.Cast {
			text, _ := n.text(value, t)
			text = strings.ToLower(strings.TrimSpace(text))
			truth, ok = text == "true" || text == "1", slices.Contains([]string{"true", "false", "1", "0"}, text)
		}
		return truth == (op == filter.OpTrue), ok
	case filter.OpHas, filter.OpHasAny, filter.OpHasAll:
		list, ok := value.([]any)
		found := 0
		for _, literal := range literals {
			if slices.ContainsFunc(list, func(e any) bool { same, _ := n.equal(e, literal, t); return same }) {
				found++
			}
		}
		return found == len(literals) || op != filter.OpHasAll && found > 0, ok
	case filter.OpSizeEq, filter.OpSizeGte, filter.OpSizeLte:
		list, ok := value.([]any)
		return sized(len(list), op, t), ok
	case filter.OpContains, filter.OpStarts, filter.OpEnds, filter.OpLengthEq, filter.OpLengthGte, filter.OpLengthLte:
		text, ok := n.text(value, t)
		text = folded(text, t)
		part, _ := t.Value.(filter.Text)
		with := folded(string(part), t)
		//exhaustive:ignore
		switch op {
		case filter.OpContains:
			return strings.Contains(text, with), ok
		case filter.OpStarts:
			return strings.HasPrefix(text, with), ok
		case filter.OpEnds:
			return strings.HasSuffix(text, with), ok
		}
		return sized(len([]rune(text)), op, t), ok
	}
	return n.temporal(value, op, t)
}

func sized(n int, op filter.Operator, t filter.Test) bool {
	wanted, _ := t.Value.(filter.Number).Int64()
	//exhaustive:ignore
	switch op {
	case filter.OpLengthGte, filter.OpSizeGte:
		return int64(n) >= wanted
	case filter.OpLengthLte, filter.OpSizeLte:
		return int64(n) <= wanted
	}
	return int64(n) == wanted
}

func (n naive) equal(value any, literal filter.Value, t filter.Test) (same, fits bool) {
	switch literal := literal.(type) {
	case filter.Text:
		text, ok := n.text(value, t)
		return ok && folded(text, t) == folded(string(literal), t), ok
	case filter.Number:
		number, ok := n.number(value, t)
		if !ok {
			return false, false
		}
		other, _ := new(big.Rat).SetString(literal.String())
		return number.Cmp(other) == 0, true
	}
	return false, false
}

func (n naive) order(value any, literal filter.Value, t filter.Test) (int, bool) {
	switch literal := literal.(type) {
	case filter.Number:
		number, ok := n.number(value, t)
		if !ok {
			return 0, false
		}
		other, _ := new(big.Rat).SetString(literal.String())
		return number.Cmp(other), true
	case filter.Date, filter.Instant:
		d, at, kind := n.when(value, t)
		if date, ofDates := literal.(filter.Date); ofDates && kind != 0 {
			return strings.Compare(d, date.String()), true
		}
		if instant, ofInstants := literal.(filter.Instant); ofInstants && (kind == 2 || kind == 1 && t.Cast) {
			return at.Compare(instant.Time()), true
		}
	}
	return 0, false
}

// when reads a date (kind 1) or an instant (2): its civil date in the test's
// zone, and the instant, of a date the midnight.
func (n naive) when(value any, t filter.Test) (string, time.Time, int) {
	text, _ := value.(string)
	if t.Cast {
		text = strings.TrimSpace(text)
	}
	zone := n.zone(t.Zone)
	if d, err := time.Parse(time.DateOnly, text); err == nil {
		y, m, of := d.Date()
		return text, midnight(y, m, of, zone), 1
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.In(zone).Format(time.DateOnly), at, 2
	}
	return "", time.Time{}, 0
}

func (n naive) temporal(value any, op filter.Operator, t filter.Test) (held, ok bool) {
	d, at, kind := n.when(value, t)
	if kind == 0 {
		return false, false
	}
	zone := n.zone(t.Zone)
	today := n.now.In(zone).Format(time.DateOnly)
	year, month, of := n.now.In(zone).Date()
	text := func(y int, m time.Month, d int) string { return fmt.Sprintf("%04d-%02d-%02d", y, m, d) }
	//exhaustive:ignore
	switch op {
	case filter.OpOn, filter.OpBefore, filter.OpAfter:
		order, ok := n.order(value, t.Value, t)
		return map[filter.Operator]bool{filter.OpOn: order == 0, filter.OpBefore: order < 0, filter.OpAfter: order > 0}[op], ok
	case filter.OpPassed:
		if kind == 1 {
			return d <= today, true
		}
		return !at.After(n.now), true
	case filter.OpWeekday, filter.OpHour:
		civil, _ := time.Parse(time.DateOnly, d)
		number := (int64(civil.Weekday())+6)%7 + 1
		if op == filter.OpHour {
			number = int64(at.In(zone).Hour())
		}
		return slices.Contains(t.Value.(filter.Values), filter.Value(filter.Int(number))), kind == 2 || op == filter.OpWeekday
	case filter.OpAnniversary:
		target, _ := time.Parse(time.DateOnly, today)
		target = target.AddDate(0, 0, t.Value.(filter.Anniversary).OffsetDays)
		leap := target.Year()%4 == 0 && (target.Year()%100 != 0 || target.Year()%400 == 0)
		return d[5:] == target.Format("01-02") || d[5:] == "02-29" && !leap && target.Format("01-02") == "02-28", true
	case filter.OpDuring:
		period := t.Value.(filter.Period)
		unit := []filter.Unit{filter.Day, filter.Week, filter.Month, filter.Year}[(period-1)/3]
		by := []int{0, -1, 1}[(period-1)%3]
		from := func(by int) string {
			y, m, d := unitStart(year, month, of, unit, n.c.weekStart)
			return text(shift(y, m, d, by, unit))
		}
		return from(by) <= d && d < from(by+1), true
	case filter.OpLast, filter.OpNext, filter.OpMoreThanAgo, filter.OpMoreThanAhead:
	default:
		return false, false
	}
	// Dates of fixed units are compared with the date it was or will be.
	span := t.Value.(filter.Span)
	length := map[filter.Unit]time.Duration{filter.Minute: time.Minute, filter.Hour: time.Hour}[span.Unit] * time.Duration(span.N)
	if kind == 1 {
		past, future := text(shift(year, month, of, -span.N, span.Unit)), text(shift(year, month, of, span.N, span.Unit))
		if length > 0 {
			past, future = n.now.Add(-length).In(zone).Format(time.DateOnly), n.now.Add(length).In(zone).Format(time.DateOnly)
		}
		return map[filter.Operator]bool{
			filter.OpLast: past <= d && d <= today, filter.OpNext: today <= d && d <= future,
			filter.OpMoreThanAgo: d < past, filter.OpMoreThanAhead: d > future,
		}[op], true
	}
	if length == 0 {
		return false, false // instants of calendar units have a test of their own
	}
	return map[filter.Operator]bool{
		filter.OpLast: !at.Before(n.now.Add(-length)) && !at.After(n.now), filter.OpNext: !at.Before(n.now) && !at.After(n.now.Add(length)),
		filter.OpMoreThanAgo: at.Before(n.now.Add(-length)), filter.OpMoreThanAhead: at.After(n.now.Add(length)),
	}[op], true
}

// The generators draw from few keys, times and values, so that filters are true
// about as often as false.
var (
	drawKey   = rapid.SampledFrom([]string{"a", "b"})
	drawEvent = rapid.SampledFrom([]string{"x", "y"})
	drawText  = rapid.SampledFrom([]string{"", "pro", "PRO", "straße", "STRASSE", "12", "a\u030a", "å", "true", " 12 "})
	drawZone  = rapid.SampledFrom([]filter.Zone{"", filter.ZoneWorkspace, filter.ZoneContact, "Europe/Paris", "America/Havana"})
	drawLives = rapid.SampledFrom([]string{"", "UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Pacific/Chatham", "Mars/Olympus"})
	drawUnit  = rapid.SampledFrom([]filter.Unit{filter.Day, filter.Week, filter.Month, filter.Year})
)

// base is in the week in which clocks change in Europe.
var base = utc("2026-03-27T12:00")

func drawTime(t *rapid.T, label string) time.Time {
	return base.Add(time.Duration(rapid.IntRange(-90*24*4, 30*24*4).Draw(t, label)) * 15 * time.Minute)
}

func drawDate(t *rapid.T) string { return drawTime(t, "date").Format(time.DateOnly) }

func drawValue(t *rapid.T) string {
	quote := func(s string) string { out, _ := json.Marshal(s); return string(out) }
	switch rapid.IntRange(0, 9).Draw(t, "value") {
	case 0, 1:
		return quote(drawText.Draw(t, "text"))
	case 2, 3:
		return rapid.SampledFrom([]string{"0", "1", "1.5", "-2", "9007199254740993", "9007199254740992", "0.1"}).Draw(t, "number")
	case 4:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "word")
	case 5, 6:
		return quote(drawDate(t))
	case 7:
		return quote(engage.Instant(drawTime(t, "instant")).Format(time.RFC3339))
	case 8:
		return rapid.SampledFrom([]string{`[]`, `["pro"]`, `["PRO",1]`, `[1,1.50,"12"]`}).Draw(t, "list")
	}
	return `{"a":` + drawValue(t) + `}`
}

func drawObject(t *rapid.T) string {
	var parts []string
	for _, key := range []string{"a", "b"} {
		if rapid.Bool().Draw(t, "has") {
			parts = append(parts, `"`+key+`":`+drawValue(t))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func drawPerson(t *rapid.T) person {
	p := person{zone: drawLives.Draw(t, "lives"), attributes: drawObject(t), lists: map[string]contacts.MembershipState{}}
	for range rapid.IntRange(0, 7).Draw(t, "deeds") {
		p.did = append(p.did, deed{drawEvent.Draw(t, "did"), drawTime(t, "at"), drawObject(t)})
	}
	if rapid.Bool().Draw(t, "tagged") {
		p.tags = []string{"a"}
	}
	if rapid.Bool().Draw(t, "listed") {
		p.lists["a"] = rapid.SampledFrom([]contacts.MembershipState{contacts.Subscribed, contacts.Pending, contacts.Bounced}).Draw(t, "state")
	}
	return p
}

func drawTest(t *rapid.T, f filter.Field[filter.AttrLeaf]) filter.AttrLeaf {
	f = f.Missing(rapid.SampledFrom([]filter.Missing{filter.MissingDefault, filter.MissingDefault, filter.MissingMatches, filter.MissingFails}).Draw(t, "missing"))
	if rapid.Bool().Draw(t, "cast") {
		f = f.Cast()
	}
	number := func() filter.Value {
		return filter.Decimal(rapid.SampledFrom([]string{"0", "1", "1.50", "-3", "9007199254740993", "12"}).Draw(t, "literal"))
	}
	date := func() filter.Value { return filter.DateOf(drawTime(t, "literal")) }
	instant := func() filter.Value { return filter.Instant(drawTime(t, "literal")) }
	pick := func(ops ...filter.Operator) filter.Operator { return rapid.SampledFrom(ops).Draw(t, "op") }
	zoned := func() filter.Field[filter.AttrLeaf] { return f.InZone(drawZone.Draw(t, "zone")) }
	pair := func(op filter.Operator, draw func() filter.Value, less func(a, b filter.Value) bool) filter.AttrLeaf {
		low, high := draw(), draw()
		if less(high, low) {
			low, high = high, low
		}
		return f.Compare(op, low, high)
	}
	switch rapid.IntRange(0, 13).Draw(t, "kind") {
	case 0:
		return filter.Attr(drawKey.Draw(t, "key")).Compare(pick(filter.OpSet, filter.OpUnset))
	case 1, 2:
		if rapid.Bool().Draw(t, "ci") {
			f = f.IgnoreCase()
		}
		text := func() string { return drawText.Draw(t, "literal") }
		op := pick(filter.OpEq, filter.OpNeq, filter.OpIn, filter.OpNin, filter.OpContains, filter.OpNcontains, filter.OpStarts, filter.OpNstarts, filter.OpEnds, filter.OpNends)
		if op == filter.OpIn || op == filter.OpNin {
			return f.Compare(op, text(), text())
		}
		literal := text()
		if literal == "" && op != filter.OpEq && op != filter.OpNeq {
			literal = "r"
		}
		return f.Compare(op, literal)
	case 3:
		return f.Compare(pick(filter.OpEq, filter.OpNeq, filter.OpLt, filter.OpLte, filter.OpGt, filter.OpGte), number())
	case 4:
		return pair(pick(filter.OpBetween, filter.OpNbetween), number, func(a, b filter.Value) bool {
			return a.(filter.Number).Compare(b.(filter.Number)) < 0
		})
	case 5:
		return f.Compare(pick(filter.OpTrue, filter.OpFalse, filter.OpEmpty, filter.OpNempty))
	case 6:
		op := pick(filter.OpHas, filter.OpHasAny, filter.OpHasAll, filter.OpHasNone)
		if op == filter.OpHas {
			return f.Compare(op, number())
		}
		return f.Compare(op, drawText.Draw(t, "literal"), "pro")
	case 7:
		return f.Compare(pick(filter.OpSizeEq, filter.OpSizeGte, filter.OpSizeLte, filter.OpLengthEq, filter.OpLengthGte, filter.OpLengthLte), rapid.IntRange(0, 3).Draw(t, "size"))
	case 8:
		f = zoned()
		if rapid.Bool().Draw(t, "dates") {
			return f.Compare(pick(filter.OpOn, filter.OpBefore, filter.OpAfter), date())
		}
		return f.Compare(pick(filter.OpBefore, filter.OpAfter), instant())
	case 9:
		f = zoned()
		if rapid.Bool().Draw(t, "dates") {
			return pair(filter.OpBetween, date, func(a, b filter.Value) bool { return a.(filter.Date).Compare(b.(filter.Date)) < 0 })
		}
		return pair(filter.OpNbetween, instant, func(a, b filter.Value) bool { return a.(filter.Instant).Time().Before(b.(filter.Instant).Time()) })
	case 10:
		return zoned().Compare(pick(filter.OpLast, filter.OpNext, filter.OpMoreThanAgo, filter.OpMoreThanAhead),
			filter.Span{N: rapid.IntRange(1, 72).Draw(t, "n"), Unit: rapid.SampledFrom([]filter.Unit{filter.Minute, filter.Hour}).Draw(t, "unit")})
	case 11:
		return zoned().Compare(filter.OpDuring, filter.Period(rapid.IntRange(int(filter.Today), int(filter.NextYear)).Draw(t, "period")))
	case 12:
		return zoned().Anniversary(rapid.IntRange(-30, 30).Draw(t, "offset"))
	}
	op := pick(filter.OpWeekday, filter.OpHour, filter.OpPassed)
	if op == filter.OpPassed {
		return zoned().Compare(op)
	}
	return zoned().Compare(op, rapid.IntRange(1, 7).Draw(t, "number"), 3)
}

func drawLeaf(t *rapid.T) filter.Node {
	field := func() filter.Field[filter.AttrLeaf] {
		if rapid.IntRange(0, 3).Draw(t, "path") == 0 {
			return filter.Attr(drawKey.Draw(t, "key"), "a")
		}
		return filter.Attr(drawKey.Draw(t, "key"))
	}
	prop := func() filter.Node {
		leaf := drawTest(t, field())
		return filter.PropLeaf(leaf)
	}
	switch rapid.IntRange(0, 8).Draw(t, "leaf") {
	case 0:
		return filter.TagLeaf{ID: "a", Absent: rapid.Bool().Draw(t, "absent")}
	case 1:
		state := rapid.SampledFrom([]filter.ListState{"", filter.StatePending, filter.StateAny}).Draw(t, "state")
		return filter.ListLeaf{ID: "a", State: state, Absent: rapid.Bool().Draw(t, "absent")}
	case 2, 3, 4:
		e := filter.Event(drawEvent.Draw(t, "event"))
		n := rapid.IntRange(0, 3).Draw(t, "n")
		switch rapid.IntRange(0, 3).Draw(t, "count") {
		case 0:
			e = e.AtLeast(n + 1)
		case 1:
			e = e.AtMost(n)
		case 2:
			e = e.Exactly(n)
		}
		hour := func(label string) time.Duration {
			return time.Duration(rapid.IntRange(1, 60*24).Draw(t, label)) * time.Hour
		}
		switch rapid.IntRange(0, 5).Draw(t, "window") {
		case 0:
			e = e.Within(hour("d"))
		case 1:
			near := hour("near")
			e = e.Ago(near+hour("far"), near)
		case 2:
			from := drawTime(t, "from")
			e = e.During(filter.From(from, from.Add(hour("for"))))
		case 3:
			e = e.During(filter.LastUnits(rapid.IntRange(1, 3).Draw(t, "units"), drawUnit.Draw(t, "unit")).InZone(drawZone.Draw(t, "zone")))
		case 4:
			e = e.During(filter.ThisUnit(drawUnit.Draw(t, "unit")).InZone(drawZone.Draw(t, "zone")))
		}
		switch rapid.IntRange(0, 3).Draw(t, "where") {
		case 0:
			e = e.Matching(prop())
		case 1:
			e = e.Matching(filter.Or(prop(), filter.Negate(prop())))
		}
		return e
	}
	return drawTest(t, field())
}

func drawNode(t *rapid.T, depth int) filter.Node {
	if depth == 0 {
		return drawLeaf(t)
	}
	below := func() []filter.Node {
		nodes := []filter.Node{}
		for range rapid.IntRange(1, 3).Draw(t, "children") {
			nodes = append(nodes, drawNode(t, depth-1))
		}
		return nodes
	}
	switch rapid.IntRange(0, 4).Draw(t, "shape") {
	case 0:
		return filter.All(below())
	case 1:
		return filter.Any(below())
	case 2:
		return filter.None(below())
	case 3:
		return filter.Negate(drawNode(t, depth-1))
	}
	return drawLeaf(t)
}

// The evaluator says what the definition says, now and at every time until it
// says that its verdict may change; the normal form says the same, and the
// complement the contrary.
func TestTheEvaluatorAgreesWithTheDefinition(t *testing.T) {
	t.Parallel()
	truths, changes := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		p := drawPerson(t)
		c := circumstances{zone: drawLives.Draw(t, "workspace"), weekStart: rapid.SampledFrom([]time.Weekday{time.Monday, time.Sunday, time.Saturday}).Draw(t, "weeks")}
		f := filter.Filter{Entity: filter.Contact, Zone: drawZone.Draw(t, "zone"), Where: drawNode(t, rapid.IntRange(0, 3).Draw(t, "depth"))}
		now := drawTime(t, "now")
		if (naive{p, c, f, now}).holds(f.Where) {
			truths++
		}
		complement := f
		complement.Where = filter.Negate(f.Where)
		for range 6 { // from one change to the next
			v := judged(t, f, p, c, now)
			if v.truth != (naive{p, c, f, now}).holds(f.Where) {
				t.Fatalf("%v at %v, and is not\n%v\n%+v", v.truth, now, f, p)
			}
			if judged(t, complement, p, c, now).truth == v.truth {
				t.Fatalf("not X is no complement: %v", f)
			}
			if normal := judged(t, f.Normal(), p, c, now); normal.truth != v.truth || !normal.next.Equal(v.next) {
				t.Fatalf("the normal form differs: %v until %v, %v until %v\n%v\n%v", v.truth, v.next, normal.truth, normal.next, f, f.Normal())
			}
			end := v.next
			if end.IsZero() {
				end = now.AddDate(1, 0, 0)
			}
			if !end.After(now) {
				t.Fatalf("the next change at %v is over at %v: %v", end, now, f)
			}
			for _, at := range []time.Time{
				end.Add(-tick), now.Add(tick),
				now.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(now)-tick)).Draw(t, "later"))).Truncate(tick),
				now.Add(time.Duration(rapid.Int64Range(0, int64(end.Sub(now)-tick)).Draw(t, "later"))).Truncate(15 * time.Minute),
			} {
				if !at.Before(now) && at.Before(end) && (naive{p, c, f, at}).holds(f.Where) != v.truth {
					t.Fatalf("%v at %v, and already not at %v, before %v\n%v\n%+v", v.truth, now, at, v.next, f, p)
				}
			}
			if now = v.next; now.IsZero() {
				break
			}
			changes++
		}
	})
	if truths == 0 || changes == 0 {
		t.Fatalf("the draws are one-sided: %d true, %d that change", truths, changes)
	}
}
