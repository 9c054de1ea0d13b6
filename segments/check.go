package segments

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/segments/filter"
)

// check adds up what is wrong with a segment before it is stored. heads are the
// workspace's segments, locked.
func (s *Service) check(ctx context.Context, ws engage.WorkspaceID, op string, id ID, name string, f filter.Filter, heads []Segment) error {
	var faults engage.Faults
	checkName(&faults, name)
	for _, fault := range engage.FieldsOf(f.Validate()) {
		faults.Add("filter"+fault.Path, fault.Code, "%s", fault.Message)
	}
	if len(faults) == 0 && f.Entity != "" && f.Entity != filter.Contact {
		faults.Add("filter/entity", "unsupported", "a segment holds contacts")
	}
	if err := faults.Err(op, ""); err != nil {
		return err
	}
	c := checker{s: s, ws: ws, id: id, faults: &faults}
	if err := c.load(ctx, f, heads); err != nil {
		return err
	}
	c.zone("filter/tz", f.Zone)
	for path, node := range f.Nodes() {
		c.node("filter"+path, node)
	}
	return faults.Err(op, "")
}

func checkName(faults *engage.Faults, name string) {
	switch {
	case name == "":
		faults.Add("name", "required", "a segment needs a name")
	case len(name) > MaxNameBytes:
		faults.Add("name", "too_long", "%d bytes, at most %d", len(name), MaxNameBytes)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		faults.Add("name", "invalid", "control characters and broken UTF-8 are refused")
	}
}

// checker compares a filter with what the workspace has.
type checker struct {
	s      *Service
	ws     engage.WorkspaceID
	id     ID
	faults *engage.Faults

	definitions map[string]attribute.Definition
	tags        map[string]bool // nil: not asked for
	lists       map[string]bool // nil: not asked for
	segments    *index
	below       map[ID]bool // the segments that refer to the checked one, itself included
}

// load reads what the filter refers to.
func (c *checker) load(ctx context.Context, f filter.Filter, heads []Segment) error {
	refs := f.References()
	if c.s.schema != nil && len(refs.Attributes) > 0 {
		definitions, err := c.s.schema.Definitions(ctx, c.ws, contacts.ObjectType)
		if err != nil {
			return err
		}
		c.definitions = map[string]attribute.Definition{}
		for _, d := range definitions {
			c.definitions[d.Key] = d
		}
	}
	if c.s.tags != nil && len(refs.Tags) > 0 {
		found, err := c.s.tags.Get(ctx, c.ws, parseAll(contacts.TagID{}, refs.Tags))
		if err != nil {
			return err
		}
		c.tags = map[string]bool{}
		for _, tag := range found {
			c.tags[tag.ID.String()] = true
		}
	}
	if c.s.lists != nil && len(refs.Lists) > 0 {
		found, err := c.s.lists.Get(ctx, c.ws, parseAll(contacts.ListID{}, refs.Lists))
		if err != nil {
			return err
		}
		c.lists = map[string]bool{}
		for _, list := range found {
			c.lists[list.ID.String()] = true
		}
	}
	if len(refs.Segments) == 0 {
		return nil
	}
	var err error
	if c.segments, err = c.s.indexOf(ctx, c.ws, heads); err != nil {
		return err
	}
	c.below = map[ID]bool{c.id: true}
	for _, at := range c.segments.above(c.id) {
		c.below[c.segments.segments[at].ID] = true
	}
	return nil
}

// parseAll answers those of the texts that are ids of the kind of the first
// argument.
func parseAll[K engage.Kind](_ engage.ID[K], texts []string) []engage.ID[K] {
	var ids []engage.ID[K]
	for _, text := range texts {
		if id, err := engage.ParseID[K](text); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

func (c *checker) node(path string, node filter.Node) {
	switch n := node.(type) {
	case filter.AttrLeaf:
		c.zone(path+"/tz", n.Zone)
		c.attribute(path, n)
	case filter.PropLeaf:
		c.zone(path+"/tz", n.Zone)
	case filter.EventLeaf:
		c.zone(path+"/window/tz", n.Window.Zone)
	case filter.TagLeaf:
		if parseAll(contacts.TagID{}, []string{n.ID}) == nil || c.tags != nil && !c.tags[n.ID] {
			c.faults.Add(path+"/id", "not_found", "no tag has the id %.40q", n.ID)
		}
	case filter.ListLeaf:
		if parseAll(contacts.ListID{}, []string{n.ID}) == nil || c.lists != nil && !c.lists[n.ID] {
			c.faults.Add(path+"/id", "not_found", "no list has the id %.40q", n.ID)
		}
	case filter.SegmentLeaf:
		id, err := engage.ParseID[kind](n.ID)
		switch {
		case err != nil || c.segments.place(id) < 0 && id != c.id:
			c.faults.Add(path+"/id", "not_found", "no segment has the id %.40q", n.ID)
		case c.below[id]:
			c.faults.Add(path+"/id", "cycle", "that segment depends on this one")
		}
	}
}

func (c *checker) zone(path string, z filter.Zone) {
	if z != "" && z != filter.ZoneWorkspace && z != filter.ZoneContact && c.s.zone(string(z)) == nil {
		c.faults.Add(path, "unknown", "%.40q is no IANA time zone", string(z))
	}
}

// attribute compares a leaf with the attribute's definition, if there is one.
func (c *checker) attribute(path string, leaf filter.AttrLeaf) {
	d, defined := c.definitions[leaf.Key]
	if !defined || leaf.Cast || len(leaf.Path) > 0 {
		return
	}
	var typ filter.Type
	switch d.Type {
	case attribute.TypeString, attribute.TypeText, attribute.TypeEnum:
		typ = filter.TypeString
	case attribute.TypeInteger, attribute.TypeDecimal:
		typ = filter.TypeNumber
	case attribute.TypeBoolean:
		typ = filter.TypeBool
	case attribute.TypeDate:
		typ = filter.TypeDate
	case attribute.TypeDatetime:
		typ = filter.TypeDatetime
	case attribute.TypeList:
		typ = filter.TypeList
	case attribute.TypeMoney:
		typ = filter.TypeMoney
	case attribute.TypeJSON, attribute.TypeGeo:
		return
	}
	if !leaf.Accepts(typ) {
		c.faults.Add(path+"/op", "wrong_type", "the attribute %.100q holds values of the type %s", leaf.Key, d.Type)
	}
}
