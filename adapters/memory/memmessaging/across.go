package memmessaging

import (
	"context"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/messaging"
)

// ClaimPlannedAcross implements messaging.MessageRepositoryAcross.
func (r *Messages) ClaimPlannedAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	return r.claim(ctx, &r.planned, messaging.Planned, shard, now, lease, limit)
}

// ClaimLostAcross implements messaging.MessageRepositoryAcross.
func (r *Messages) ClaimLostAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	return r.claim(ctx, &r.lost, messaging.Intended, shard, now, lease, limit)
}

// claim leases messages of a state that are due and free. The turns go on behind
// the workspace that came last.
func (r *Messages) claim(ctx context.Context, stand *turns, state messaging.State, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	rows, err := r.rows.WriteShard(ctx, shard)
	if err == nil {
		err = checkBatch("memmessaging.Claim", limit)
	}
	if err != nil || limit <= 0 {
		return nil, err
	}
	stand.mu.Lock()
	defer stand.mu.Unlock()
	queues := memory.NewTurns[*messageRow](limit)
	lanes := 0
	lap := func(after engage.WorkspaceID, within func(engage.WorkspaceID) bool) {
		for ws, ok := next(rows, state, after); ok && within(ws) && lanes < limit; ws, ok = next(rows, state, ws) {
			if queue(rows, queues, state, ws, now, limit) {
				lanes++
			}
		}
	}
	lap(stand.last, func(engage.WorkspaceID) bool { return true })
	lap(engage.WorkspaceID{}, func(ws engage.WorkspaceID) bool { return ws.Compare(stand.last) <= 0 })
	var claimed []messaging.MessageAcross
	for ws, free := range queues.Take() {
		row := *free
		row.Token++
		row.claimAt = now.Add(lease)
		rows.Set(&row)
		claimed = append(claimed, messaging.MessageAcross{Workspace: ws, Message: row.Message})
		stand.last = ws
	}
	return claimed, nil
}

// never is after every instant that a claim is made at.
var never = time.Unix(1<<40, 0)

// next answers the workspace behind another that has messages of a state.
func next(rows memory.Writer[messageRow], state messaging.State, after engage.WorkspaceID) (engage.WorkspaceID, bool) {
	for row := range rows.Ascend("claim", &messageRow{ws: after, claimAt: never, Message: messaging.Message{State: state}}) {
		return row.ws, row.State == state
	}
	return engage.WorkspaceID{}, false
}

// queue adds the messages of a workspace that are due and free, at most limit,
// and tells whether there are any.
func queue(rows memory.Writer[messageRow], queues *memory.Turns[*messageRow], state messaging.State, ws engage.WorkspaceID, now time.Time, limit int) bool {
	n := 0
	for row := range rows.Ascend("claim", &messageRow{ws: ws, Message: messaging.Message{State: state}}) {
		if row.ws != ws || row.State != state || row.claimAt.After(now) || n == limit {
			break
		}
		queues.Add(ws, row)
		n++
	}
	return n > 0
}

func checkBatch(op string, items int) error {
	var faults engage.Faults
	if items > engage.MaxBatch {
		faults.Add("items", "too_many", "%d, at most %d a call", items, engage.MaxBatch)
	}
	return faults.Err(op, "")
}

// SaveAcross implements messaging.MessageRepositoryAcross.
func (r *Messages) SaveAcross(ctx context.Context, shard engage.Shard, messages []messaging.MessageAcross) ([]bool, error) {
	rows, err := r.rows.WriteShard(ctx, shard)
	if err == nil {
		err = checkBatch("memmessaging.SaveAcross", len(messages))
	}
	if err != nil {
		return nil, err
	}
	saved := make([]bool, len(messages))
	for i, m := range messages {
		old, exists := rows.Get("id", &messageRow{ws: m.Workspace, Message: m.Message})
		if !exists || old.Token != m.Message.Token {
			continue
		}
		saved[i] = true
		row := &messageRow{ws: m.Workspace, claimAt: old.claimAt, Message: m.Message}
		row.Key, row.ContactID, row.TemplateID, row.Class = old.Key, old.ContactID, old.TemplateID, old.Class
		row.Data, row.PlannedAt = old.Data, old.PlannedAt
		if row.State != messaging.Intended {
			row.claimAt = row.DueAt
			row.Token++ // spent
		}
		rows.Set(row)
	}
	return saved, nil
}
