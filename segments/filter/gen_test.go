package filter_test

import (
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/segments/filter"
)

// The generators draw valid trees over a small alphabet, so that repetitions
// and complements meet.

var (
	genKey    = rapid.SampledFrom([]string{"a", "b", "plan", "a/b~c", "é\"\\", "😀"})
	genText   = rapid.SampledFrom([]string{"", "x", "y", "50%_", "2026-01-01", "12", "ß\n", "\u2028"})
	genSolid  = rapid.SampledFrom([]string{"x", "y", "50%_", "\\\\"})
	genNumber = rapid.Custom(func(t *rapid.T) filter.Value {
		return filter.Decimal(rapid.SampledFrom([]string{"0", "-0", "1", "2.0", "0.1", "-12.50", "9007199254740993", "1e20", "5e-7"}).Draw(t, "number"))
	})
	genMoney = rapid.Custom(func(t *rapid.T) filter.Value {
		return filter.Money{Minor: rapid.Int64().Draw(t, "minor"), Currency: engage.Currency(rapid.SampledFrom([]string{"EUR", "USD"}).Draw(t, "currency"))}
	})
	genDate = rapid.Custom(func(t *rapid.T) filter.Value {
		return filter.DateOf(time.Date(2026, 1, rapid.IntRange(-500_000/2, 500_000).Draw(t, "day"), 0, 0, 0, 0, time.UTC))
	})
	genInstant = rapid.Custom(func(t *rapid.T) filter.Value {
		return filter.Instant(time.UnixMicro(rapid.Int64Range(-1e16, 1e16).Draw(t, "instant")).UTC())
	})
	genZone    = rapid.SampledFrom([]filter.Zone{"", filter.ZoneWorkspace, filter.ZoneContact, "Europe/Paris"})
	genMissing = rapid.SampledFrom([]filter.Missing{filter.MissingDefault, filter.MissingMatches, filter.MissingFails})
)

func genScalar(t *rapid.T) filter.Value {
	switch rapid.IntRange(0, 2).Draw(t, "type") {
	case 0:
		return filter.Text(genText.Draw(t, "text"))
	case 1:
		return genNumber.Draw(t, "number")
	}
	return genMoney.Draw(t, "money")
}

// genTest draws an operator with an operand that fits.
func genTest(t *rapid.T) (test filter.Test) {
	op := filter.Operator(rapid.IntRange(int(filter.OpSet), int(filter.OpSizeLte)).Draw(t, "op"))
	test.Op = op
	if rapid.Bool().Draw(t, "path") {
		test.Path = rapid.SliceOfN(genKey, 1, 3).Draw(t, "steps")
	}
	if op == filter.OpSet || op == filter.OpUnset {
		return test
	}
	test.Missing = genMissing.Draw(t, "missing")
	test.Cast = rapid.Bool().Draw(t, "cast")
	set := func(member func(*rapid.T) filter.Value) filter.Values {
		members := filter.Values{member(t)}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			next := member(t)
			for kind(next) != kind(members[0]) {
				next = member(t)
			}
			members = append(members, next)
		}
		return members
	}
	switch {
	case op == filter.OpEq || op == filter.OpNeq:
		test.Value = genScalar(t)
	case op == filter.OpIn || op == filter.OpNin:
		test.Value = set(genScalar)
	case slices.Contains([]filter.Operator{filter.OpHas, filter.OpHasAll, filter.OpHasAny, filter.OpHasNone}, op):
		element := rapid.SampledFrom([]func(*rapid.T) filter.Value{
			func(t *rapid.T) filter.Value { return genNumber.Draw(t, "element") },
			func(t *rapid.T) filter.Value { return filter.Text(genText.Draw(t, "element")) },
		}).Draw(t, "elements")
		if test.Value = element(t); op != filter.OpHas {
			test.Value = set(element)
		}
	case slices.Contains([]filter.Operator{filter.OpContains, filter.OpNcontains, filter.OpStarts, filter.OpNstarts, filter.OpEnds, filter.OpNends, filter.OpLike, filter.OpRegex}, op):
		test.Value = filter.Text(genSolid.Draw(t, "text"))
	case slices.Contains([]filter.Operator{filter.OpLt, filter.OpLte, filter.OpGt, filter.OpGte}, op):
		test.Value = rapid.OneOf(genNumber, genMoney).Draw(t, "value")
	case op == filter.OpBetween || op == filter.OpNbetween:
		v := rapid.OneOf(genNumber, genMoney, genDate, genInstant).Draw(t, "value")
		test.Value = filter.Values{v, v}
	case op == filter.OpOn:
		test.Value = genDate.Draw(t, "value")
	case op == filter.OpBefore || op == filter.OpAfter:
		test.Value = rapid.OneOf(genDate, genInstant).Draw(t, "value")
	case slices.Contains([]filter.Operator{filter.OpLast, filter.OpNext, filter.OpMoreThanAgo, filter.OpMoreThanAhead}, op):
		test.Value = filter.Span{N: rapid.IntRange(1, filter.MaxUnits).Draw(t, "n"), Unit: filter.Unit(rapid.IntRange(1, 6).Draw(t, "unit"))}
	case op == filter.OpDuring:
		test.Value = filter.Period(rapid.IntRange(1, 12).Draw(t, "period"))
	case op == filter.OpAnniversary:
		test.Value = filter.Anniversary{OffsetDays: rapid.IntRange(-366, 366).Draw(t, "offset")}
	case op == filter.OpWeekday || op == filter.OpHour:
		test.Value = set(func(t *rapid.T) filter.Value { return filter.Int(int64(rapid.IntRange(1, 7).Draw(t, "n"))) })
	case slices.Contains([]filter.Operator{filter.OpLengthEq, filter.OpLengthGte, filter.OpLengthLte, filter.OpSizeEq, filter.OpSizeGte, filter.OpSizeLte}, op):
		test.Value = filter.Int(int64(rapid.IntRange(0, filter.MaxCount).Draw(t, "size")))
	}
	if op >= filter.OpOn && op <= filter.OpPassed {
		test.Zone = genZone.Draw(t, "zone")
	}
	if first, ok := test.Value.(filter.Text); ok && first != "" {
		test.IgnoreCase = rapid.Bool().Draw(t, "ci")
	}
	return test
}

func kind(v filter.Value) string {
	switch v.(type) {
	case filter.Text:
		return "text"
	case filter.Number:
		return "number"
	}
	return "money"
}

func genWindow(t *rapid.T) filter.Window {
	seconds := func(least int64) time.Duration {
		return time.Duration(rapid.Int64Range(least, int64(filter.MaxWindow/time.Second)/2).Draw(t, "seconds")) * time.Second
	}
	switch rapid.IntRange(0, 4).Draw(t, "window") {
	case 0:
		return filter.Ever()
	case 1:
		return filter.Last(seconds(1))
	case 2:
		near := seconds(0)
		return filter.Ago(near+seconds(1), near)
	case 3:
		from := time.Time(genInstant.Draw(t, "from").(filter.Instant))
		w := filter.From(from, from.Add(time.Hour))
		if rapid.Bool().Draw(t, "open") {
			w.Until = time.Time{}
		}
		return w
	}
	unit := filter.Unit(rapid.IntRange(int(filter.Day), int(filter.Year)).Draw(t, "unit"))
	if rapid.Bool().Draw(t, "current") {
		return filter.ThisUnit(unit).InZone(genZone.Draw(t, "zone"))
	}
	return filter.LastUnits(rapid.IntRange(1, filter.MaxUnits).Draw(t, "n"), unit).InZone(genZone.Draw(t, "zone"))
}

func genLeaf(t *rapid.T, within bool, depth int) filter.Node {
	if within {
		return filter.PropLeaf{Key: genKey.Draw(t, "key"), Test: genTest(t)}
	}
	id, absent := genKey.Draw(t, "key"), rapid.Bool().Draw(t, "absent")
	switch rapid.IntRange(0, 6).Draw(t, "leaf") {
	case 0:
		return filter.TagLeaf{ID: id, Absent: absent}
	case 1:
		state := rapid.SampledFrom([]filter.ListState{"", filter.StateSubscribed, filter.StatePending, filter.StateAny}).Draw(t, "state")
		return filter.ListLeaf{ID: id, State: state, Absent: absent}
	case 2:
		return filter.SegmentLeaf{ID: id, Absent: absent}
	case 3:
		from := rapid.IntRange(0, filter.MaxBucket-1).Draw(t, "from")
		return filter.Bucket(id, from, rapid.IntRange(from+1, filter.MaxBucket).Draw(t, "to"))
	case 4, 5:
		e := filter.Event(id).During(genWindow(t))
		least := rapid.IntRange(0, 3).Draw(t, "least")
		switch rapid.IntRange(0, 3).Draw(t, "count") {
		case 0:
			e.Count = filter.Count{}
		case 1:
			e = e.AtLeast(least + 1)
		case 2:
			e = e.Times(least, least+rapid.IntRange(0, 2).Draw(t, "more"))
		case 3:
			e = e.Exactly(rapid.SampledFrom([]int{0, 1, filter.MaxCount}).Draw(t, "n"))
		}
		if depth > 0 && rapid.Bool().Draw(t, "where") {
			e.Where = genNode(t, true, depth-1)
		}
		return e
	}
	return filter.AttrLeaf{Key: id, Test: genTest(t)}
}

// genNode draws a condition that is at most depth levels deep.
func genNode(t *rapid.T, within bool, depth int) filter.Node {
	shape := rapid.IntRange(0, 7).Draw(t, "shape")
	if depth == 0 {
		shape = 7
	}
	below := func(least int) []filter.Node {
		nodes := []filter.Node{}
		for range rapid.IntRange(least, 3).Draw(t, "children") {
			nodes = append(nodes, genNode(t, within, depth-1))
		}
		return nodes
	}
	switch shape {
	case 0:
		return filter.All(below(0))
	case 1:
		return filter.Any(below(1))
	case 2:
		return filter.None(below(1))
	case 3:
		return filter.Negate(genNode(t, within, depth-1))
	}
	return genLeaf(t, within, depth)
}

func genFilter(t *rapid.T) filter.Filter {
	return filter.Filter{
		Entity: rapid.SampledFrom([]filter.Entity{"", filter.Contact, "deal"}).Draw(t, "entity"),
		Zone:   genZone.Draw(t, "zone"),
		Where:  genNode(t, false, rapid.IntRange(0, 4).Draw(t, "depth")),
	}
}
