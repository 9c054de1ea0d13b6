package filter_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/segments/filter"
)

func TestEveryTreeComesBackFromItsDocument(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := genFilter(t)
		document, err := f.MarshalJSON()
		if err != nil {
			t.Fatalf("%v %v\n%v", err, engage.FieldsOf(err), f)
		}
		parsed, err := filter.Parse(document)
		if err != nil {
			t.Fatalf("%s\n%v %v", document, err, engage.FieldsOf(err))
		}
		again, err := parsed.MarshalJSON()
		if err != nil || string(again) != string(document) {
			t.Fatalf("%v\n%s\n%s", err, document, again)
		}
		if !parsed.Equal(f) || parsed.Hash() != f.Hash() {
			t.Fatalf("not equal: %s", document)
		}
		twice, err := filter.Parse(again)
		if err != nil || !reflect.DeepEqual(twice, parsed) {
			t.Fatalf("%v\n%#v\n%#v", err, twice, parsed)
		}
	})
}

func TestNormalFormIsItsOwn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := genFilter(t)
		normal := f.Normal()
		document, err := normal.MarshalJSON()
		if err != nil {
			t.Fatalf("the normal form is not valid: %v %v", err, engage.FieldsOf(err))
		}
		again, _ := normal.Normal().MarshalJSON()
		if string(again) != string(document) {
			t.Fatalf("\n%s\n%s", document, again)
		}
		written, _ := f.MarshalJSON()
		most := len(written)
		for range f.Nodes() {
			most++
		}
		if len(document) > most {
			t.Fatalf("the normal form is longer by more than a byte a condition:\n%s\n%s", written, document)
		}
		if !normal.Equal(f) || normal.Hash() != f.Hash() {
			t.Fatal("the normal form is not equal")
		}
	})
}

func TestOrderAndSpellingDoNotChangeTheHash(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := genFilter(t)
		g := f
		g.Where = respell(f.Where, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)))
		if !f.Equal(g) || f.Hash() != g.Hash() {
			t.Fatalf("\n%v\n%v", f.Normal(), g.Normal())
		}
	})
}

// respell writes the same condition otherwise.
func respell(n filter.Node, r *rand.Rand) filter.Node {
	group := func(nodes []filter.Node) []filter.Node {
		var out []filter.Node
		for _, i := range r.Perm(len(nodes)) {
			out = append(out, respell(nodes[i], r))
		}
		if len(out) > 0 {
			out = append(out, out[r.IntN(len(out))])
		}
		return out
	}
	switch n := n.(type) {
	case filter.All:
		return filter.Or(filter.And(group(n)...))
	case filter.Any:
		return filter.Negate(filter.Nor(group(n)...))
	case filter.None:
		return filter.Negate(filter.Or(filter.Any(group(n))))
	case filter.Not:
		return filter.Nor(respell(n.Node, r))
	case filter.EventLeaf:
		if n.Where != nil {
			n.Where = respell(n.Where, r)
		}
		return filter.And(n)
	}
	return filter.Negate(filter.Negate(n))
}

// TestNormalFormMeansTheSame asks a small world: attributes that are missing or
// hold one of few values, lists of them, counts of events, tags.
func TestNormalFormMeansTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := filter.New(smallNode(t, 4))
		if err := f.Validate(); err != nil {
			t.Fatalf("%v %v", err, engage.FieldsOf(err))
		}
		normal := f.Normal()
		for range 16 {
			w := world{
				attr: map[string]string{}, list: map[string][]string{},
				count: rapid.IntRange(0, 4).Draw(t, "count"), tagged: rapid.Bool().Draw(t, "tagged"),
			}
			for _, key := range []string{"a", "b"} {
				if v := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "value"); v != "" {
					w.attr[key] = v
				}
			}
			if rapid.Bool().Draw(t, "there") {
				w.list["l"] = rapid.SliceOfDistinct(rapid.SampledFrom([]string{"x", "y"}), rapid.ID[string]).Draw(t, "list")
			}
			if w.holds(f.Where) != w.holds(normal.Where) {
				t.Fatalf("in %+v\n%v\n%v", w, f, normal)
			}
			if w.holds(filter.Negate(f.Where)) == w.holds(f.Where) {
				t.Fatal("not is no complement")
			}
		}
	})
}

type world struct {
	attr   map[string]string
	list   map[string][]string
	count  int
	tagged bool
}

func smallNode(t *rapid.T, depth int) filter.Node {
	if depth > 0 && rapid.IntRange(0, 2).Draw(t, "group") > 0 {
		nodes := []filter.Node{smallNode(t, depth-1)}
		for range rapid.IntRange(0, 2).Draw(t, "more") {
			nodes = append(nodes, smallNode(t, depth-1))
		}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return filter.All(nodes)
		case 1:
			return filter.Any(nodes)
		case 2:
			return filter.None(nodes)
		}
		return filter.Negate(nodes[0])
	}
	field := filter.Attr(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")).Missing(genMissing.Draw(t, "missing"))
	list := filter.Attr("l").Missing(genMissing.Draw(t, "missing"))
	x, y := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "x"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "y")
	n := rapid.IntRange(0, 2).Draw(t, "n")
	return []filter.Node{
		field.Is(x), field.IsNot(x), field.In(x, y), field.NotIn(x, y),
		filter.Attr("a").IsSet(), filter.Attr("b").IsUnset(),
		list.Has(x), list.HasAny(x, y), list.HasAll(x, y), list.HasNone(x, y),
		filter.Event("e").AtLeast(n + 1), filter.Event("e").AtMost(n), filter.Event("e").Exactly(n), filter.Event("e").Times(1, n+1),
		filter.Tag("t"),
		filter.TagLeaf{ID: "t", Absent: true},
		filter.All{},
	}[rapid.IntRange(0, 16).Draw(t, "leaf")]
}

func (w world) holds(n filter.Node) bool {
	switch n := n.(type) {
	case filter.All:
		return !slices.ContainsFunc(n, func(n filter.Node) bool { return !w.holds(n) })
	case filter.Any:
		return slices.ContainsFunc(n, w.holds)
	case filter.None:
		return !slices.ContainsFunc(n, w.holds)
	case filter.Not:
		return !w.holds(n.Node)
	case filter.EventLeaf:
		return n.Count.Holds(w.count)
	case filter.TagLeaf:
		return w.tagged != n.Absent
	case filter.AttrLeaf:
		return w.passes(n)
	}
	panic("unknown leaf")
}

func (w world) passes(n filter.AttrLeaf) bool {
	v, there := w.attr[n.Key]
	elements, isList := w.list[n.Key]
	if !there && !isList {
		return n.MatchesMissing()
	}
	set, ok := n.Value.(filter.Values)
	if !ok {
		set = filter.Values{n.Value}
	}
	in := func(s string) bool { return slices.Contains(set, filter.Value(filter.Text(s))) }
	if n.Op == filter.OpSet {
		return true
	}
	if n.Op == filter.OpUnset {
		return false
	}
	if n.Op == filter.OpEq || n.Op == filter.OpIn {
		return in(v)
	}
	if n.Op == filter.OpNeq || n.Op == filter.OpNin {
		return !in(v)
	}
	if n.Op == filter.OpHas || n.Op == filter.OpHasAny {
		return slices.ContainsFunc(elements, in)
	}
	if n.Op == filter.OpHasNone {
		return !slices.ContainsFunc(elements, in)
	}
	if n.Op == filter.OpHasAll {
		return !slices.ContainsFunc(set, func(x filter.Value) bool {
			return !slices.Contains(elements, string(x.(filter.Text)))
		})
	}
	panic("unknown operator")
}

func TestEveryOperatorIsReadByItsWord(t *testing.T) {
	t.Parallel()
	for op := filter.OpSet; op <= filter.OpSizeLte; op++ {
		if got, ok := filter.ParseOperator(op.String()); !ok || got != op {
			t.Errorf("%v reads as %v", op, got)
		}
		if other, ok := op.Complement(); ok {
			back, _ := other.Complement()
			if back != op || other.Negative() == op.Negative() {
				t.Errorf("%v and %v are no complements", op, other)
			}
		}
	}
	if _, ok := filter.ParseOperator(""); ok {
		t.Error("the empty word is an operator")
	}
}
