package memory

import (
	"bytes"
	"cmp"
	"context"
	"time"

	"github.com/go-engage/engage"
)

// parkedRow is an event that a consumer failed on.
type parkedRow struct{ engage.Parked }

const (
	byDue   = "due"
	byEvent = "event"
)

func newParkedTable(s *Store) *Table[parkedRow] {
	key := func(a, b *parkedRow) bool {
		if a.Consumer != b.Consumer {
			return a.Consumer < b.Consumer
		}
		if order := a.Event.Workspace.Compare(b.Event.Workspace); order != 0 {
			return order < 0
		}
		return a.Event.ID.Compare(b.Event.ID) < 0
	}
	return NewTable(s, "engage_parked",
		Index[parkedRow]{Name: byKey, Less: key},
		Index[parkedRow]{Name: byDue, Less: func(a, b *parkedRow) bool {
			if a.Consumer != b.Consumer {
				return a.Consumer < b.Consumer
			}
			if order := a.NotBefore.Compare(b.NotBefore); order != 0 {
				return order < 0
			}
			return key(a, b)
		}},
		Index[parkedRow]{Name: byEvent, Less: func(a, b *parkedRow) bool {
			return Before(a.Event.Workspace, b.Event.Workspace, cmp.Or(
				a.Event.ID.Compare(b.Event.ID), cmp.Compare(a.Consumer, b.Consumer)))
		}},
	)
}

// Park implements engage.EventLog.
func (s *Store) Park(ctx context.Context, shard engage.Shard, events []engage.Parked) error {
	parked, err := s.parked.WriteShard(ctx, shard)
	if err != nil {
		return err
	}
	for _, event := range events {
		row := &parkedRow{cloneParked(event)}
		row.Token = 0
		if known, ok := parked.Get(byKey, row); ok {
			*row = *known
			row.Attempts, row.Cause = event.Attempts, event.Cause
		}
		row.NotBefore = engage.Instant(event.NotBefore)
		parked.Set(row)
	}
	return nil
}

// ClaimParked implements engage.EventLog. A claimed event is due again when its
// lease ends.
func (s *Store) ClaimParked(ctx context.Context, shard engage.Shard, consumer string, now time.Time, lease time.Duration, limit int) ([]engage.Parked, error) {
	var claimed []engage.Parked
	err := s.join(ctx, "ClaimParked", shard, func(ctx context.Context) error {
		parked, err := s.parked.WriteShard(ctx, shard)
		if err != nil {
			return err
		}
		for due := range parked.Ascend(byDue, &parkedRow{engage.Parked{Consumer: consumer}}) {
			if due.Consumer != consumer || due.NotBefore.After(now) || len(claimed) >= limit {
				break
			}
			row := *due
			row.Attempts++
			row.Token++
			row.NotBefore = engage.Instant(now.Add(lease))
			parked.Set(&row)
			claimed = append(claimed, cloneParked(row.Parked))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// Unpark implements engage.EventLog.
func (s *Store) Unpark(ctx context.Context, shard engage.Shard, event engage.Parked) error {
	parked, err := s.parked.WriteShard(ctx, shard)
	if err != nil {
		return err
	}
	row, ok := parked.Get(byKey, &parkedRow{event})
	if !ok || row.Token != event.Token {
		return fault(engage.Conflict, "Unpark", event.Event.ID.String(), errLost)
	}
	parked.Delete(row)
	return nil
}

func cloneParked(p engage.Parked) engage.Parked {
	p.Event.Data = bytes.Clone(p.Event.Data)
	return p
}
