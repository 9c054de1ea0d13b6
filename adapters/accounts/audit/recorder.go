package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

// RecorderDeps are what a Recorder works with.
type RecorderDeps struct {
	Events  engage.Publisher // the store's own
	Entries Repository
	Clock   engage.Clock    // nil: engage.SystemClock
	IDs     engage.IDSource // nil: engage.NewIDSource(Clock, nil)
	// Random is where salts are drawn from. nil: crypto/rand. Tests give one that
	// repeats.
	Random io.Reader
}

// Recorder is the Publisher that services are given in the place of the store's:
// it writes an entry for each event that is a command, and publishes all.
type Recorder struct {
	d   RecorderDeps
	cfg Config
}

var _ engage.Publisher = (*Recorder)(nil)

// NewRecorder makes a Recorder, or answers every fault of its arguments at once.
func NewRecorder(d RecorderDeps, cfg Config) (*Recorder, error) {
	var faults engage.Faults
	if d.Events == nil {
		faults.Add("events", "required", "a Publisher is required: the store's own")
	}
	if d.Entries == nil {
		faults.Add("entries", "required", "a Repository is required")
	}
	if err := faults.Err("audit.NewRecorder", ""); err != nil {
		return nil, err
	}
	if d.Clock == nil {
		d.Clock = engage.SystemClock{}
	}
	if d.IDs == nil {
		d.IDs = engage.NewIDSource(d.Clock, nil)
	}
	if d.Random == nil {
		d.Random = rand.Reader
	}
	return &Recorder{d: d, cfg: cfg.resolve()}, nil
}

// Publish implements engage.Publisher. Entries are written before the events are
// published, which by then can fail for nothing that their caller might swallow.
func (r *Recorder) Publish(ctx context.Context, ws engage.WorkspaceID, events ...engage.Event) error {
	actor := engage.ActorFrom(ctx)
	if !slices.ContainsFunc(events, func(e engage.Event) bool { return r.cfg.audits(actor, e.EventName()) }) {
		return r.d.Events.Publish(ctx, ws, events...)
	}
	entries, err := r.entries(ctx, ws, actor, events)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(entries, engage.MaxBatch) {
		if err := r.d.Entries.Append(ctx, ws, chunk); err != nil {
			return err
		}
		recorded := Recorded{Entries: make([]Digested, len(chunk))}
		for i, e := range chunk {
			recorded.Entries[i] = Digested{ID: e.ID, Digest: e.Digest(ws)}
		}
		events = append(slices.Clip(events), recorded)
	}
	return r.d.Events.Publish(ctx, ws, events...)
}

// entries makes the entries of those events that are commands; an event that
// can't be published answers ErrInvalid.
func (r *Recorder) entries(ctx context.Context, ws engage.WorkspaceID, actor engage.Actor, events []engage.Event) ([]Entry, error) {
	now := r.d.Clock.Now()
	var entries []Entry
	for _, event := range events {
		envelope, err := engage.NewEnvelope(ctx, ws, event, engage.EventID{}, now)
		if err != nil {
			return nil, err
		}
		if !r.cfg.audits(actor, envelope.Name) {
			continue
		}
		data, err := redact(envelope.Data, r.cfg.Secrets)
		if err != nil {
			return nil, err
		}
		entry := Entry{
			ID: engage.NewID[entryKind](r.d.IDs), At: envelope.OccurredAt, Actor: envelope.Actor, Name: envelope.Name,
			Subject: envelope.Subject, Trace: keepable(envelope.Trace), Data: data,
		}
		if _, err := io.ReadFull(r.d.Random, entry.Salt[:]); err != nil {
			return nil, &engage.Error{Code: engage.Internal, Op: "audit.Record", Err: errors.Join(errors.New("the random source failed"), err)}
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// keepable is a trace that every store keeps, or none: callers send what they
// like.
func keepable(trace string) string {
	if len(trace) > MaxTraceBytes || !utf8.ValidString(trace) || strings.ContainsRune(trace, 0) {
		return ""
	}
	return trace
}
