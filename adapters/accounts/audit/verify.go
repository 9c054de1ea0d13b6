package audit

import (
	"context"
	"time"

	"github.com/go-engage/engage"
)

// Breach is what was done to a trail.
type Breach string

// The breaches that Verify tells apart.
const (
	Changed  Breach = "changed"  // the entry says something else than it did, or stands elsewhere
	Removed  Breach = "removed"  // there is no entry of the number
	Inserted Breach = "inserted" // the entry was put in: its number is taken, or behind the head
	Forked   Breach = "forked"   // the chain is another than the one that the head, or a witness, has seen
)

// Fault is the first place where a trail is broken.
type Fault struct {
	Breach Breach
	Number int64
	ID     EntryID // zero where there is no entry
}

// Report is what Verify found.
type Report struct {
	Entries int64 // that stand in the chain and are whole, up to the fault
	Head    Head
	// Waiting entries have no place in the chain yet; it takes them seconds. One
	// that waits for longer was put in, or its consumer does not run: Oldest says.
	Waiting int
	Oldest  time.Time
	Fault   *Fault // nil: the chain is whole
}

// Verify recomputes the workspace's chain, page by page, and answers the first
// fault. Heads that a witness kept are places that the chain must lead through.
// It reads while others write.
func (s *Service) Verify(ctx context.Context, ws engage.WorkspaceID, witnesses ...Head) (Report, error) {
	var report Report
	head, err := s.entries.Head(ctx, ws)
	if err != nil {
		return report, err
	}
	report.Head = head
	if report.Waiting, report.Oldest, err = s.entries.Waiting(ctx, ws); err != nil {
		return report, err
	}
	seen := map[int64]Hash{head.Number: head.Hash}
	for _, w := range witnesses {
		if known, ok := seen[w.Number]; ok && known != w.Hash {
			report.Fault = &Fault{Breach: Forked, Number: w.Number}
			return report, nil
		}
		seen[w.Number] = w.Hash
	}
	report.Fault, err = s.walk(ctx, ws, &report, seen)
	if err != nil || report.Fault != nil {
		return report, err
	}
	for number := range seen {
		if number > head.Number && (report.Fault == nil || number < report.Fault.Number) {
			report.Fault = &Fault{Breach: Removed, Number: number} // a witness has seen more
		}
	}
	return report, nil
}

// walk follows the chain to its head, and looks whether there is more behind it.
func (s *Service) walk(ctx context.Context, ws engage.WorkspaceID, report *Report, seen map[int64]Hash) (*Fault, error) {
	var at Hash
	if known, ok := seen[0]; ok && known != at {
		return &Fault{Breach: Forked}, nil
	}
	var last Link
	for {
		page, err := s.entries.Chained(ctx, ws, last, verifyPage)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			number := report.Entries + 1
			switch {
			case e.Number < number:
				return &Fault{Breach: Inserted, Number: e.Number, ID: e.ID}, nil
			case number > report.Head.Number:
				return s.behind(ctx, ws, e)
			case e.Number > number:
				return &Fault{Breach: Removed, Number: number}, nil
			}
			at = at.Next(number, e.Digest(ws))
			if at != e.Hash {
				return &Fault{Breach: Changed, Number: number, ID: e.ID}, nil
			}
			if known, ok := seen[number]; ok && known != at {
				return &Fault{Breach: Forked, Number: number, ID: e.ID}, nil
			}
			report.Entries, last = number, Link{ID: e.ID, Number: number}
		}
		if len(page) < verifyPage {
			break
		}
	}
	if report.Entries < report.Head.Number {
		return &Fault{Breach: Removed, Number: report.Entries + 1}, nil
	}
	return nil, nil //nolint:nilnil // no fault, no error
}

// behind judges an entry that stands behind the head: it was chained since the
// head was read, or put in.
func (s *Service) behind(ctx context.Context, ws engage.WorkspaceID, e Entry) (*Fault, error) {
	head, err := s.entries.Head(ctx, ws)
	if err != nil || e.Number <= head.Number {
		return nil, err
	}
	return &Fault{Breach: Inserted, Number: e.Number, ID: e.ID}, nil
}
