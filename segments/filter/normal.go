package filter

import (
	"bytes"
	"slices"
)

// Normal is the normal form of a valid filter: it chooses the same objects, is
// valid, and is the same for filters that differ only in how they are written.
// Conditions of all, any and none are sorted, flattened and without repetition;
// negations are moved into operators, counts and memberships that have a
// complement; sets are sorted, and those of one value become a comparison with
// it; defaults are left out. Normal forms are their own normal form.
func (f Filter) Normal() Filter {
	f = f.withDefaults()
	if f.Where != nil {
		f.Where = normalizer{zone: f.Zone}.node(f.Where)
	}
	return f
}

type normalizer struct{ zone Zone }

// node is the normal form of a condition. No rule makes the tree deeper or the
// document longer by more than a byte, so that the normal form is valid.
func (z normalizer) node(n Node) Node {
	switch n := n.(type) {
	case All:
		return z.group(n, true)
	case Any:
		return z.group(n, false)
	case None:
		return z.negate(z.node(Any(n)))
	case Not:
		return z.negate(z.node(n.Node))
	case AttrLeaf:
		n.Test = z.test(n.Test)
		return n
	case PropLeaf:
		n.Test = z.test(n.Test)
		return n
	case EventLeaf:
		return z.event(n)
	case ListLeaf:
		n.State = n.State.orDefault()
		return n
	}
	return n
}

// group normalises the conditions of an All (every) or an Any, and takes in
// those of the same kind.
func (z normalizer) group(nodes []Node, every bool) Node {
	var flat []Node
	for _, n := range nodes {
		n = z.node(n)
		if below, ok := n.(All); ok && every {
			flat = append(flat, below...)
		} else if below, ok := n.(Any); ok && !every {
			flat = append(flat, below...)
		} else {
			flat = append(flat, n)
		}
	}
	type written struct {
		node Node
		text []byte
	}
	order := make([]written, len(flat))
	for i, n := range flat {
		order[i] = written{n, appendNode(nil, n)}
	}
	slices.SortFunc(order, func(a, b written) int { return bytes.Compare(a.text, b.text) })
	order = slices.CompactFunc(order, func(a, b written) bool { return bytes.Equal(a.text, b.text) })
	if len(order) == 1 {
		return order[0].node
	}
	flat = flat[:0]
	for _, w := range order {
		flat = append(flat, w.node)
	}
	if every {
		return All(flat)
	}
	return Any(flat)
}

// negate is the normal complement of a condition in normal form.
func (z normalizer) negate(n Node) Node {
	switch n := n.(type) {
	case Not:
		return n.Node
	case Any:
		return None(n)
	case None:
		return Any(n)
	case TagLeaf:
		n.Absent = !n.Absent
		return n
	case ListLeaf:
		n.Absent = !n.Absent
		return n
	case SegmentLeaf:
		n.Absent = !n.Absent
		return n
	case AttrLeaf:
		if test, ok := complement(n.Test); ok {
			n.Test = z.test(test)
			return n
		}
	case PropLeaf:
		if test, ok := complement(n.Test); ok {
			n.Test = z.test(test)
			return n
		}
	case EventLeaf:
		least, most, bounded := n.Count.Bounds()
		switch {
		case !bounded:
			n.Count = Count{Most: least - 1, Bounded: true}
			return n
		case least == 0 && most < MaxCount:
			n.Count = Count{Least: most + 1}
			return n
		}
	}
	return Not{Node: n}
}

// complement is the test that is true exactly where t is not.
func complement(t Test) (Test, bool) {
	if t.Op == OpHas {
		t.Op, t.Value = OpHasAny, Values{t.Value}
	}
	op, ok := t.Op.Complement()
	if !ok {
		return t, false
	}
	t.Op = op
	switch t.Missing {
	case MissingDefault:
	case MissingMatches:
		t.Missing = MissingFails
	case MissingFails:
		t.Missing = MissingMatches
	}
	return t, true
}

func (z normalizer) test(t Test) Test {
	if t.Zone == z.zone {
		t.Zone = ""
	}
	if t.Missing != MissingDefault && t.MatchesMissing() == t.Op.Negative() {
		t.Missing = MissingDefault
	}
	if len(t.Path) == 0 {
		t.Path = nil
	}
	set, ok := t.Value.(Values)
	if !ok || t.Op.row().shape == pairOfLiterals {
		return t
	}
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b Value) int { return bytes.Compare(appendValue(nil, a), appendValue(nil, b)) })
	set = slices.CompactFunc(set, func(a, b Value) bool { return bytes.Equal(appendValue(nil, a), appendValue(nil, b)) })
	t.Value = set
	if single := t.Op.row().single; len(set) == 1 && single != 0 {
		t.Op, t.Value = single, set[0]
	}
	return t
}

func (z normalizer) event(e EventLeaf) Node {
	if e.Where != nil {
		e.Where = z.node(e.Where)
		if every, ok := e.Where.(All); ok && len(every) == 0 {
			e.Where = nil
		}
	}
	least, most, bounded := e.Count.Bounds()
	e.Count = Count{Least: least, Most: most, Bounded: bounded}
	if e.Window.Zone == z.zone {
		e.Window.Zone = ""
	}
	return e
}
