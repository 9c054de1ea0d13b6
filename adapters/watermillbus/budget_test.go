package watermillbus_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/internal/testkit"
)

func TestStatementsOfAStep(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := inSQL(t, db)
		noop := engage.NewConsumer("noop")
		engage.On(noop, func(context.Context, engage.WorkspaceID, []engage.Received[counted]) error { return nil })
		runner := newRunner(t, b.config(), noop)
		workspaces := b.workspaces(4)
		b.publish(t, workspaces[0], 1, 1)
		_, _ = drain(t, runner) // the first claim makes the cursors
		step := func() {
			if _, err := runner.Step(t.Context()); err != nil {
				t.Errorf("Step: %v", err)
			}
		}
		b.count.Require(t, 2, step) // nothing to claim, nothing parked

		b.publish(t, workspaces[0], 1, 3*engage.MaxSliceEvents)
		// Claim: look, BEGIN, lock, take, COMMIT. One read. Two transactions
		// (1,000 events and the rest) of BEGIN, cursor, COMMIT. Parked: look.
		b.count.Require(t, 5+1+2*3+1, step)

		for _, ws := range workspaces {
			b.publish(t, ws, 1, 10)
		}
		// Four partitions: four reads, one transaction with four cursors.
		b.count.Require(t, 5+4+(2+4)+1, step)
	})
}

// A statement that fails on PostgreSQL spoils the transaction up to a savepoint,
// even if the handler had not written before it.
func TestAHandlersReadThatFailsIsTheEventsOwnFault(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := inSQL(t, db)
		ws := b.workspaces(1)[0]
		b.publish(t, ws, 1, 40)
		consumer := engage.NewConsumer("reader")
		engage.On(consumer, func(ctx context.Context, ws engage.WorkspaceID, events []engage.Received[counted]) error {
			for _, e := range events {
				if e.Payload.N == 23 {
					db, err := b.store.Read(ctx, ws)
					if err != nil {
						return err
					}
					_, err = db.ExecContext(ctx, "SELECT missing FROM nowhere")
					return bunstore.MapError(ctx, "test", "", err)
				}
			}
			for _, e := range events {
				if err := b.effects.Add(ctx, ws, e.Payload.N); err != nil {
					return err
				}
			}
			return nil
		})
		if n, err := drain(t, newRunner(t, b.config(), consumer)); n != 40 || err != nil {
			t.Errorf("passed %d events, %v", n, err)
		}
		b.wantEffects(t, ws, upTo(1, 40, 23))
		b.wantBacklog(t, "reader", 0, 1)
		parked, err := b.log.ClaimParked(t.Context(), shard, "reader", b.clock.Now().AddDate(0, 0, 1), 0, 1)
		if err != nil || len(parked) != 1 || !strings.Contains(parked[0].Cause, "nowhere") {
			t.Errorf("parked %+v, %v", parked, err)
		}
	})
}
