package engage

import (
	"context"
	"time"
)

// Parked is an event that a consumer failed on. The cursor has moved past it;
// it is tried again with back-off until it succeeds or is dropped by hand.
type Parked struct {
	Consumer  string
	Event     Envelope
	Slice     SliceID
	Attempts  int
	NotBefore time.Time // when it is due again
	Cause     string    // the last error's text
	Token     int64     // fences a retry; set by ClaimParked
}

// ParkedEvents is the operators' side of a workspace's parked events: what
// stands still, and what is done about it by hand. The consumers' side is
// EventLog.
//
// The ids of another workspace, of another consumer and of events that are not
// parked find nothing and are no error. A call takes MaxBatch ids at most; more
// answer ErrInvalid, as the zero workspace does. Redrive and Drop are write
// ports; they end the claim of a retry that is under way, whose effects roll
// back then.
type ParkedEvents interface {
	// List answers the workspace's events that are parked for a consumer, ""
	// for all of them, by event id and then by consumer. Their Token is 0: who
	// looks has claimed nothing.
	List(ctx context.Context, ws WorkspaceID, consumer string, page PageRequest) (Page[Parked], error)

	// Redrive makes events due now by the store's clock, as if they had never
	// been tried again: Attempts is 0, Cause stays until the next failure. It
	// answers how many it found, an event once for each consumer that it is
	// parked for.
	Redrive(ctx context.Context, ws WorkspaceID, consumer string, ids []EventID) (int, error)

	// Drop removes events for good: the consumer never handles them. It answers
	// how many it found, as Redrive does.
	Drop(ctx context.Context, ws WorkspaceID, consumer string, ids []EventID) (int, error)
}
