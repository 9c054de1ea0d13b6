package segments

import (
	"context"
	"errors"
	"math/big"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/segments/filter"
)

// index is the segments of a workspace, those that others refer to before the
// others, and which of them what can concern.
type index struct {
	segments []indexed
	places   map[ID]int

	attributes map[string]places
	events     map[string]places
	tags       map[string]places
	lists      map[string]places
	zoned      places // that depend on the contact's time zone
	referrers  []places
}

// indexed is a segment's head and its filter's program.
type indexed struct {
	Segment
	program *program
}

// places is a set of places in an index. The zero places are none.
type places struct{ bits big.Int }

func (p *places) add(at int) { p.bits.SetBit(&p.bits, at, 1) }

func (p *places) join(other places) { p.bits.Or(&p.bits, &other.bits) }

func (p *places) has(at int) bool { return p.bits.Bit(at) == 1 }

func (p *places) list() []int {
	var out []int
	for at := range p.bits.BitLen() {
		if p.has(at) {
			out = append(out, at)
		}
	}
	return out
}

// readIndex reads the workspace's segments: one statement, and another when there
// are filters that this process has not compiled yet.
func (s *Service) readIndex(ctx context.Context, ws engage.WorkspaceID) (*index, error) {
	for attempt := 0; ; attempt++ {
		heads, err := s.segments.Heads(ctx, ws)
		if err != nil {
			return nil, err
		}
		x, err := s.indexOf(ctx, ws, heads)
		if !errors.Is(err, errEdited) || attempt == editAttempts {
			return x, err
		}
	}
}

// errEdited says that a segment was edited between the reading of the heads and
// of the filters.
var errEdited = &engage.Error{Code: engage.Unavailable, Op: "segments.index", Err: errors.New("edited meanwhile")}

// lockIndex is readIndex, and holds the segments until the transaction ends.
func (s *Service) lockIndex(ctx context.Context, ws engage.WorkspaceID) (*index, error) {
	heads, err := s.segments.Lock(ctx, ws)
	if err != nil {
		return nil, err
	}
	return s.indexOf(ctx, ws, heads)
}

func (s *Service) indexOf(ctx context.Context, ws engage.WorkspaceID, heads []Segment) (*index, error) {
	programs, err := s.compiled(ctx, ws, heads)
	if err != nil {
		return nil, err
	}
	x := &index{
		places: make(map[ID]int, len(heads)), attributes: map[string]places{}, events: map[string]places{},
		tags: map[string]places{}, lists: map[string]places{}, referrers: make([]places, len(heads)),
	}
	byID := make(map[string]int, len(heads))
	for i, head := range heads {
		byID[head.ID.String()] = i
	}
	// Those that a segment refers to come before it; the cycles that check
	// refuses would end here, too.
	visited := make([]bool, len(heads))
	var visit func(i int)
	visit = func(i int) {
		if visited[i] {
			return
		}
		visited[i] = true
		for _, id := range programs[i].refs.Segments {
			if below, ok := byID[id]; ok {
				visit(below)
			}
		}
		x.places[heads[i].ID] = len(x.segments)
		x.segments = append(x.segments, indexed{heads[i], programs[i]})
	}
	for i := range heads {
		visit(i)
	}
	for at := range x.segments {
		x.enter(at)
	}
	return x, nil
}

// enter notes what can concern the segment at a place.
func (x *index) enter(at int) {
	refs := x.segments[at].program.refs
	for _, id := range parseAll(ID{}, refs.Segments) {
		if below, ok := x.places[id]; ok {
			x.referrers[below].add(at)
		}
	}
	if x.segments[at].State == Broken {
		return
	}
	for names, set := range map[*[]string]map[string]places{
		&refs.Attributes: x.attributes, &refs.Events: x.events, &refs.Tags: x.tags, &refs.Lists: x.lists,
	} {
		for _, name := range *names {
			p := set[name]
			p.join(one(at))
			set[name] = p
		}
	}
	if refs.ContactZone {
		x.zoned.add(at)
	}
}

func one(at int) (p places) {
	p.add(at)
	return p
}

// place is where a segment stands; -1 if it is not in the workspace.
func (x *index) place(id ID) int {
	if at, ok := x.places[id]; ok {
		return at
	}
	return -1
}

// everyone is all segments that are judged.
func (x *index) everyone() places {
	var p places
	for at, segment := range x.segments {
		if segment.State != Broken {
			p.add(at)
		}
	}
	return p
}

// closed adds to a set those that refer to its members, directly or not, without
// the broken ones.
func (x *index) closed(p places) places {
	var out places
	out.join(p)
	for at := range x.segments { // referrers stand behind
		if out.has(at) {
			out.join(x.referrers[at])
		}
	}
	for _, at := range out.list() {
		if x.segments[at].State == Broken {
			out.bits.SetBit(&out.bits, at, 0)
		}
	}
	return out
}

// referring answers the places of the segments that refer to one directly.
func (x *index) referring(id ID) []int {
	at := x.place(id)
	if at < 0 {
		return nil
	}
	return x.referrers[at].list()
}

// above is referring, with those that do so through others.
func (x *index) above(id ID) []int {
	at := x.place(id)
	if at < 0 {
		return nil
	}
	var out places
	out.join(x.referrers[at])
	for i := range x.segments {
		if out.has(i) {
			out.join(x.referrers[i])
		}
	}
	return out.list()
}

// waiting are the segments that refer to one that is being built, directly or
// not: what they would be built by is about to change.
func (x *index) waiting() (p places) {
	for at := range x.segments { // referrers stand behind
		if x.segments[at].State == Building || p.has(at) {
			p.join(x.referrers[at])
		}
	}
	return p
}

// compiled answers the programs of segments, aligned with their heads.
func (s *Service) compiled(ctx context.Context, ws engage.WorkspaceID, heads []Segment) ([]*program, error) {
	programs := make([]*program, len(heads))
	var missing []ID
	s.mu.Lock()
	for i, head := range heads {
		if programs[i] = s.programs[head.Hash]; programs[i] == nil {
			missing = append(missing, head.ID)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return programs, nil
	}
	fresh := map[filter.Hash]*program{}
	for chunk := range slices.Chunk(missing, engage.MaxBatch) {
		found, err := s.segments.Get(ctx, ws, chunk)
		if err != nil {
			return nil, err
		}
		for _, segment := range found {
			if fresh[segment.Filter.Hash()], err = compile(segment.Filter); err != nil {
				return nil, err
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for hash, p := range fresh {
		if len(s.programs) >= maxPrograms {
			clear(s.programs)
		}
		s.programs[hash] = p
	}
	for i, head := range heads {
		if programs[i] == nil {
			programs[i] = fresh[head.Hash]
		}
		if programs[i] == nil { // deleted or edited since the heads were read
			return nil, errEdited
		}
	}
	return programs, nil
}
