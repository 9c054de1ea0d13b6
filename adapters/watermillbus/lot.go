package watermillbus

import (
	"slices"
	"time"

	"github.com/go-engage/engage"
)

// held is a claim on a partition, and how its consumption went.
type held struct {
	engage.Claim
	failures int       // in a row
	due      time.Time // when it may be tried again
	away     bool      // released, lost, or held back: not for this round
}

// taken is a slice that is to be consumed, cut down to the events that matter.
type taken struct {
	from      *held
	id        engage.SliceID
	workspace engage.WorkspaceID
	position  engage.Position
	events    []engage.Envelope
	size      int  // events of the whole slice
	final     bool // nothing is behind it: its claim ends with it
}

// lot is what one transaction consumes: slices in the order of each partition,
// of one or several partitions of a shard.
type lot struct {
	shard  engage.Shard
	slices []taken
	events int // that matter
	size   int // in all
}

func (l *lot) add(t taken) {
	l.slices = append(l.slices, t)
	l.events += len(t.events)
	l.size += t.size
}

func (l *lot) full(events int) bool { return l.events >= events || len(l.slices) >= maxTaken }

// parts are the lot's last slices of each partition, in the order of
// partitions, which is the order that everybody locks cursors in.
func (l *lot) parts() []taken {
	var last []taken
	for _, t := range l.slices {
		i := slices.IndexFunc(last, func(known taken) bool { return known.from == t.from })
		if i < 0 {
			last = append(last, t)
		} else {
			last[i] = t
		}
	}
	slices.SortFunc(last, func(a, b taken) int { return int(a.from.Partition) - int(b.from.Partition) })
	return last
}

// sift answers a lot of the slices that keep answers true for.
func (l *lot) sift(keep func(h *held) bool) *lot {
	rest := &lot{shard: l.shard}
	for _, t := range l.slices {
		if keep(t.from) {
			rest.add(t)
		}
	}
	return rest
}

// settle notes that the lot was consumed.
func (l *lot) settle() {
	for _, t := range l.parts() {
		t.from.Position, t.from.failures, t.from.away = t.position, 0, t.final
	}
}

// group is a workspace's events of a lot, in order.
type group struct {
	workspace engage.WorkspaceID
	events    []engage.Envelope
	from      []taken
}

// groups gathers the events by workspace, so that handlers get long runs. A
// workspace's slices are all of one partition, so its order is kept.
func (l *lot) groups() []group {
	var all []group
	index := map[engage.WorkspaceID]int{}
	for _, t := range l.slices {
		if len(t.events) == 0 {
			continue
		}
		i, known := index[t.workspace]
		if !known {
			i = len(all)
			index[t.workspace] = i
			all = append(all, group{workspace: t.workspace, events: slices.Clip(t.events)})
		} else {
			all[i].events = append(all[i].events, t.events...)
		}
		all[i].from = append(all[i].from, t)
	}
	return all
}

// sliceOf is the slice that the group's i-th event came in.
func (g *group) sliceOf(i int) engage.SliceID {
	for _, t := range g.from {
		if i < len(t.events) {
			return t.id
		}
		i -= len(t.events)
	}
	return engage.SliceID{}
}
