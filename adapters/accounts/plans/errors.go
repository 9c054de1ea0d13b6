package plans

import (
	"fmt"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
)

// LimitError says by how much a hard limit is in the way. It stands in the error
// of code ResourceExhausted that Consume answers.
type LimitError struct {
	Meter     Meter
	Included  int64
	Remaining int64     // what may still be consumed
	ResetsAt  time.Time // when the next period begins; zero: never
}

// Error names the meter, what is left and until when.
func (e *LimitError) Error() string {
	until := "for good"
	if !e.ResetsAt.IsZero() {
		until = "until " + e.ResetsAt.Format(time.RFC3339)
	}
	return fmt.Sprintf("%d of %d %s left %s", e.Remaining, e.Included, e.Meter, until)
}

func exhausted(op string, limit *LimitError) error {
	return &engage.Error{Code: engage.ResourceExhausted, Op: op, Entity: "meter " + string(limit.Meter), Err: limit}
}

// refused is ErrFailedPrecondition for a move that a subscription's state does
// not allow.
func refused(op string, id accounts.OrganizationID, format string, args ...any) error {
	return &engage.Error{Code: engage.FailedPrecondition, Op: op, Entity: entity(id), Err: fmt.Errorf(format, args...)}
}

func entity(id accounts.OrganizationID) string { return "subscription of " + id.String() }
