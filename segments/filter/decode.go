package filter

import (
	"slices"
	"strconv"
)

// decoder makes nodes of JSON and notes what can't be read. It fills in zero
// values there, and the checker, which runs afterwards, keeps silent about
// paths that have a fault already: so all faults come out at once.
type decoder struct{ *faults }

// decode reads a document. It answers false if nothing can be said about its
// content.
func decode(document []byte, found *faults) (Filter, bool) {
	root, ok := readJSON(document, found)
	if !ok {
		return Filter{}, false
	}
	d := decoder{found}
	o, ok := d.object("", root)
	if !ok {
		return Filter{}, false
	}
	f := New(nil)
	if v, ok := o.take("v"); !ok {
		d.add("/v", FaultRequired, "the version of the document is required: %d", Version)
	} else if v.kind != jsonNumber || v.text != strconv.Itoa(Version) {
		d.add("/v", FaultUnknown, "unknown version; want %d", Version)
	}
	if v, ok := o.take("entity"); ok {
		f.Entity = Entity(d.str("/entity", v))
	}
	if v, ok := o.take("tz"); ok {
		f.Zone = Zone(d.str("/tz", v))
	}
	if v, ok := o.take("where"); ok {
		f.Where = d.node("/where", v)
	}
	o.rest()
	return f, true
}

// unsupportedKeys are fields the language reserves.
var unsupportedKeys = map[string]bool{
	"seq": true, "last": true, "has": true, "rel": true, "quant": true, "geo": true,
	"currency": true, "min_age": true, "event_prefix": true, "distinct_days": true, "ratio": true, "per": true,
}

// node reads one condition: an object whose kind is the first of these keys.
func (d decoder) node(path string, v jsonValue) Node {
	o, ok := d.object(path, v)
	if !ok {
		return broken{}
	}
	o.condition = true
	defer o.rest()
	for _, kind := range []struct {
		key  string
		read func(path string, v jsonValue, o *object) Node
	}{
		{"all", d.all},
		{"any", d.any},
		{"none", d.none},
		{"not", d.not},
		{"event", d.event},
		{"member", d.member},
		{"bucket", d.bucket},
		{"attr", d.attr},
		{"prop", d.prop},
	} {
		if v, ok := o.take(kind.key); ok {
			return kind.read(child(path, kind.key), v, o)
		}
	}
	for _, key := range []string{"seq", "last", "rel", "geo", "event_prefix"} {
		if _, ok := o.take(key); ok {
			d.add(child(path, key), FaultUnsupported, "unsupported: %q conditions", key)
			o.ignore()
			return broken{}
		}
	}
	d.add(path, FaultRequired, "a condition has one of the keys all, any, none, not, attr, prop, event, member, bucket")
	return broken{}
}

func (d decoder) all(path string, v jsonValue, _ *object) Node  { return All(d.nodes(path, v)) }
func (d decoder) any(path string, v jsonValue, _ *object) Node  { return Any(d.nodes(path, v)) }
func (d decoder) none(path string, v jsonValue, _ *object) Node { return None(d.nodes(path, v)) }
func (d decoder) not(path string, v jsonValue, _ *object) Node  { return Not{d.node(path, v)} }

// nodes reads conditions; what is no array counts as one that can't be read.
func (d decoder) nodes(path string, v jsonValue) []Node {
	if v.kind != jsonArray {
		d.add(path, FaultType, "want an array of conditions, not %s", v.kind)
		return []Node{broken{}}
	}
	nodes := make([]Node, len(v.items))
	for i, below := range v.items {
		nodes[i] = d.node(item(path, i), below)
	}
	return nodes
}

func (d decoder) event(path string, v jsonValue, o *object) Node {
	e := Event(d.str(path, v))
	if where, ok := o.take("where"); ok {
		e.Where = d.node(child(o.path, "where"), where)
	}
	if window, ok := o.take("window"); ok {
		e.Window = d.window(child(o.path, "window"), window)
	}
	if agg, ok := o.take("agg"); ok {
		switch word := d.str(o.path+"/agg", agg); word {
		case "count":
		case "sum", "avg", "min", "max", "distinct", "days", "ratio", "first", "last":
			d.add(o.path+"/agg", FaultUnsupported, "unsupported: %q of occurrences; only their count is supported", word)
			o.ignore()
			return broken{}
		default:
			d.add(o.path+"/agg", FaultUnknown, "unknown aggregate %q; want count", clip(word))
		}
	}
	return d.count(e, o)
}

// count reads an event's op and value.
func (d decoder) count(e EventLeaf, o *object) Node {
	at := o.path + "/value"
	op, given := o.take("op")
	value, valued := o.take("value")
	word := "did"
	if given {
		word = d.str(o.path+"/op", op)
	}
	switch word {
	case "did", "did_not":
		if valued {
			d.add(at, FaultNotApplicable, "%s takes no value; counts are compared with eq, gte, lte or between", word)
		}
		if word == "did_not" {
			return e.Never()
		}
		return e
	case "eq", "gte", "lte", "between":
	default:
		d.add(o.path+"/op", FaultUnknown, "unknown operator %q; want did, did_not, eq, gte, lte or between", clip(word))
		return e
	}
	if !valued {
		d.add(at, FaultRequired, "%s needs a value", word)
		return e
	}
	switch word {
	case "eq":
		return e.Exactly(d.integer(at, value))
	case "gte":
		return e.AtLeast(d.integer(at, value))
	case "lte":
		return e.AtMost(d.integer(at, value))
	}
	if value.kind != jsonArray || len(value.items) != 2 {
		d.add(at, FaultType, "between needs two counts")
		return e
	}
	return e.Times(d.integer(item(at, 0), value.items[0]), d.integer(item(at, 1), value.items[1]))
}

func (d decoder) member(path string, v jsonValue, o *object) Node {
	kind := d.str(path, v)
	switch kind {
	case "tag", "list", "segment":
	case "campaign", "topic", "suppression", "link", "automation", "form", "import", "device", "page":
		d.add(path, FaultUnsupported, "unsupported: membership of a %s", kind)
		o.ignore()
		return broken{}
	default:
		d.add(path, FaultUnknown, "unknown membership %q; want tag, list or segment", clip(kind))
		o.ignore()
		return broken{}
	}
	id, absent := "", false
	if v, ok := o.take("id"); ok {
		id = d.str(o.path+"/id", v)
	}
	if v, ok := o.take("is"); ok {
		absent = !d.truth(o.path+"/is", v)
	}
	switch kind {
	case "tag":
		return TagLeaf{ID: id, Absent: absent}
	case "segment":
		return SegmentLeaf{ID: id, Absent: absent}
	}
	state := StateSubscribed
	if v, ok := o.take("state"); ok {
		if state = ListState(d.str(o.path+"/state", v)); state == "" {
			d.add(o.path+"/state", FaultUnknown, "a state may not be empty")
		}
	}
	return ListLeaf{ID: id, State: state, Absent: absent}
}

func (d decoder) bucket(path string, v jsonValue, _ *object) Node {
	o, ok := d.object(path, v)
	if !ok {
		return broken{}
	}
	defer o.rest()
	var b BucketLeaf
	if v, ok := o.take("salt"); ok {
		b.Salt = d.str(path+"/salt", v)
	}
	for key, end := range map[string]*int{"from": &b.From, "to": &b.To} {
		if v, ok := o.take(key); ok {
			*end = d.integer(child(path, key), v)
		} else {
			d.add(child(path, key), FaultRequired, "required")
		}
	}
	return b
}

func (d decoder) attr(path string, v jsonValue, o *object) Node {
	return AttrLeaf{d.str(path, v), d.test(o)}
}

func (d decoder) prop(path string, v jsonValue, o *object) Node {
	return PropLeaf{d.str(path, v), d.test(o)}
}

// object is a JSON object whose fields are taken one by one; what is left over
// was unknown.
type object struct {
	decoder
	path string
	v    jsonValue
	used []bool
	// condition says that the reserved keys of conditions are reserved here.
	condition bool
}

func (d decoder) object(path string, v jsonValue) (*object, bool) {
	if v.kind != jsonObject {
		d.add(path, FaultType, "want an object, not %s", v.kind)
		return nil, false
	}
	return &object{decoder: d, path: path, v: v, used: make([]bool, len(v.keys))}, true
}

func (o *object) take(key string) (jsonValue, bool) {
	i := slices.Index(o.v.keys, key)
	if i < 0 {
		return jsonValue{}, false
	}
	for j, k := range o.v.keys {
		o.used[j] = o.used[j] || k == key
	}
	return o.v.items[i], true
}

// ignore takes every field, where a fault of the object says enough.
func (o *object) ignore() {
	for i := range o.used {
		o.used[i] = true
	}
}

// rest notes the fields that nobody took.
func (o *object) rest() {
	for i, key := range o.v.keys {
		switch {
		case o.used[i]:
		case o.condition && unsupportedKeys[key]:
			o.add(child(o.path, key), FaultUnsupported, "unsupported: %q", key)
		default:
			o.add(child(o.path, key), FaultUnknown, "unknown field %q", clip(key))
		}
	}
}

func (d decoder) str(path string, v jsonValue) string {
	if v.kind != jsonString {
		d.add(path, FaultType, "want a string, not %s", v.kind)
	}
	if v.kind == jsonNumber {
		return ""
	}
	return v.text
}

func (d decoder) truth(path string, v jsonValue) bool {
	if v.kind != jsonBool {
		d.add(path, FaultType, "want true or false, not %s", v.kind)
	}
	return v.truth
}

// integer reads a whole number; 1e2 and 100.0 are whole, too.
func (d decoder) integer(path string, v jsonValue) int {
	if v.kind != jsonNumber {
		d.add(path, FaultType, "want a whole number, not %s", v.kind)
		return 0
	}
	n, err := ParseNumber(v.text)
	whole, ok := n.Int64()
	if err != nil || !ok || whole != int64(int32(whole)) {
		d.add(path, FaultOutOfRange, "want a whole number of at most 32 bits")
		return 0
	}
	return int(whole)
}
