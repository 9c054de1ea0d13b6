package filter

import "iter"

// Node is one condition. The set is closed: All, Any, None and Not hold other
// conditions; AttrLeaf, EventLeaf, TagLeaf, ListLeaf, SegmentLeaf and BucketLeaf
// are asked of the object; PropLeaf is asked of an occurrence, in the Where of an
// EventLeaf. Nodes are values, never pointers.
type Node interface{ node() }

type (
	// All is true where every condition is. Without conditions it is true for
	// everyone, which is how a filter says "all contacts".
	All []Node
	// Any is true where one of its conditions is; it has at least one.
	Any []Node
	// None is true where not one of its conditions is; it has at least one.
	None []Node
	// Not is the exact complement of a condition: |X| + |not X| = |all|.
	Not struct{ Node Node }
)

func (All) node()         {}
func (Any) node()         {}
func (None) node()        {}
func (Not) node()         {}
func (AttrLeaf) node()    {}
func (PropLeaf) node()    {}
func (EventLeaf) node()   {}
func (TagLeaf) node()     {}
func (ListLeaf) node()    {}
func (SegmentLeaf) node() {}
func (BucketLeaf) node()  {}

// And is true where every condition is.
func And(nodes ...Node) All { return nodes }

// Or is true where one of the conditions is.
func Or(nodes ...Node) Any { return nodes }

// Nor is true where not one of the conditions is.
func Nor(nodes ...Node) None { return nodes }

// Negate is the exact complement of a condition.
func Negate(node Node) Not { return Not{Node: node} }

// broken stands where a document's condition could not be read; its faults are
// noted already.
type broken struct{}

func (broken) node() {}

// children are the conditions directly below a node, with their pointers.
func children(path string, n Node) iter.Seq2[string, Node] {
	var key string
	var nodes []Node
	switch n := n.(type) {
	case All:
		key, nodes = "all", n
	case Any:
		key, nodes = "any", n
	case None:
		key, nodes = "none", n
	case Not:
		return one(path+"/not", n.Node)
	case EventLeaf:
		if n.Where != nil {
			return one(path+"/where", n.Where)
		}
	}
	return func(yield func(string, Node) bool) {
		for i, below := range nodes {
			if !yield(item(path+"/"+key, i), below) {
				return
			}
		}
	}
}

func one(path string, n Node) iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) { yield(path, n) }
}
