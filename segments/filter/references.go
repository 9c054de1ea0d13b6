package filter

import (
	"maps"
	"slices"
)

// References are what a filter depends on: a change of anything else cannot
// change its verdict. Keys and ids are sorted, each once.
type References struct {
	Attributes []string `json:"attributes,omitzero"`
	Events     []string `json:"events,omitzero"`
	Tags       []string `json:"tags,omitzero"`
	Lists      []string `json:"lists,omitzero"`
	Segments   []string `json:"segments,omitzero"`
	// Clock says that the verdict may change by the passing of time alone.
	Clock bool `json:"clock,omitzero"`
	// ContactZone says that the verdict depends on the contact's time zone.
	ContactZone bool `json:"contact_zone,omitzero"`
}

// References lists what the filter depends on.
func (f Filter) References() References {
	f = f.withDefaults()
	var r References
	sets := map[*[]string]map[string]struct{}{}
	add := func(list *[]string, name string) {
		if sets[list] == nil {
			sets[list] = map[string]struct{}{}
		}
		sets[list][name] = struct{}{}
	}
	zoned := func(z Zone) {
		r.ContactZone = r.ContactZone || z == ZoneContact || z == "" && f.Zone == ZoneContact
	}
	for _, n := range f.Nodes() {
		switch n := n.(type) {
		case AttrLeaf:
			add(&r.Attributes, n.Key)
			r.Clock = r.Clock || n.Op.relative()
			if n.Op.civil(n.Value) {
				zoned(n.Zone)
			}
		case PropLeaf:
			r.Clock = r.Clock || n.Op.relative()
			if n.Op.civil(n.Value) {
				zoned(n.Zone)
			}
		case EventLeaf:
			add(&r.Events, n.Name)
			r.Clock = r.Clock || n.Window.moves()
			if n.Window.Kind == WindowCalendar {
				zoned(n.Window.Zone)
			}
		case TagLeaf:
			add(&r.Tags, n.ID)
		case ListLeaf:
			add(&r.Lists, n.ID)
		case SegmentLeaf:
			add(&r.Segments, n.ID)
		}
	}
	for list, names := range sets {
		*list = slices.Sorted(maps.Keys(names))
	}
	return r
}

// relative reports whether the operator compares with now.
func (o Operator) relative() bool {
	form := o.row().shape
	return form == aSpan || form == aPeriod || form == anAnniversary || o == OpPassed
}

// civil reports whether the operator's verdict depends on a time zone, at least
// for some type of value.
func (o Operator) civil(v Value) bool {
	row := o.row()
	if row.applies&temporal == 0 || row.applies == anyType {
		return false
	}
	if row.literals == 0 {
		return true
	}
	if ends, ok := v.(Values); ok && len(ends) > 0 {
		v = ends[0]
	}
	return typeOf(v) == TypeDate
}

// moves reports whether time alone brings occurrences into the window or out of
// it. Future-dated occurrences, which enter every window when their time comes,
// are the evaluator's to schedule.
func (w Window) moves() bool { return w.Kind == WindowRolling || w.Kind == WindowCalendar }
