package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/go-engage/engage"
)

type entryKind struct{}

// IDPrefix implements engage.Kind.
func (entryKind) IDPrefix() string { return "aud" }

// EntryID identifies an entry.
type EntryID = engage.ID[entryKind]

// Hash is a SHA-256: of an entry, or of the chain up to one. On the wire it is
// 64 hexadecimal digits.
type Hash [sha256.Size]byte

// String is the hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText is String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hash) UnmarshalText(text []byte) error {
	var parsed Hash
	if n, err := hex.Decode(parsed[:], text[:min(len(text), 2*len(h))]); err != nil || n != len(h) || len(text) != 2*len(h) {
		return &engage.Error{Code: engage.Invalid, Op: "audit.Hash", Err: fmt.Errorf("want %d hexadecimal digits", 2*len(h))}
	}
	*h = parsed
	return nil
}

// Entry says who commanded what.
type Entry struct {
	ID      EntryID
	At      time.Time
	Actor   engage.Actor
	Name    string     // of the event, as "contacts.tag.changed.v1"
	Subject engage.Ref // of the event
	Trace   string     // W3C traceparent
	Data    string     // the event's payload in JSON, with secrets masked
	// Salt is hashed with Data, so that nobody guesses data that is gone by its
	// hash.
	Salt [16]byte

	Number int64 // its place in the chain, from 1; 0: it has none yet
	Hash   Hash  // of the chain up to here
}

// Digest is the hash of what the entry says, in its workspace.
func (e Entry) Digest(ws engage.WorkspaceID) Hash {
	data := sha256.Sum256(append(e.Salt[:], e.Data...))
	b := append([]byte("engage audit 1"), ws[:]...)
	b = append(b, e.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixMicro()))
	b = append(b, e.Subject.ID[:]...)
	b = append(b, data[:]...)
	for _, text := range [...]string{e.Actor.Type, e.Actor.ID, e.Name, e.Subject.Type, e.Trace} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return sha256.Sum256(b)
}

// Next is the hash of the chain behind this one: of the entry with a number and
// a digest. Whoever has an export recomputes the chain with it, from the zero
// Hash on.
func (h Hash) Next(number int64, digest Hash) Hash {
	b := binary.BigEndian.AppendUint64(h[:], uint64(number))
	return sha256.Sum256(append(b, digest[:]...))
}

// Head is the end of a workspace's chain. The zero Head is that of a workspace
// without chained entries.
type Head struct {
	Number  int64          `json:"number"` // of the last entry
	Hash    Hash           `json:"hash"`   // of the chain up to it
	At      time.Time      `json:"at"`     // when it was put there
	Version engage.Version `json:"-"`
}

// Link is the place of an entry in the chain.
type Link struct {
	ID     EntryID
	Number int64
	Hash   Hash
}

// Query selects entries. Zero fields select all.
type Query struct {
	From, Until time.Time // entries at or after From, and before Until
	Actor       engage.Actor
	Subject     engage.Ref
	Name        string
	engage.PageRequest
}

// Binding names the query for cursors.
func (q Query) Binding(ws engage.WorkspaceID) string {
	return fmt.Sprintf("audit_entries|%s|%d|%d|%q|%q|%q|%q", ws, micros(q.From), micros(q.Until), q.Actor.Type, q.Actor.ID, q.Subject, q.Name)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Selects reports whether an entry is among those that the query selects.
func (q Query) Selects(e Entry) bool {
	return (q.From.IsZero() || !e.At.Before(q.From)) && (q.Until.IsZero() || e.At.Before(q.Until)) &&
		(q.Actor == (engage.Actor{}) || q.Actor == e.Actor) && (q.Subject.IsZero() || q.Subject == e.Subject) && (q.Name == "" || q.Name == e.Name)
}

// Repository keeps entries and the heads of their chains. Slices hold at most
// engage.MaxBatch items; writes need the transaction in ctx and take effect whole
// or not at all.
type Repository interface {
	// Append stores new entries, without a place in the chain; a taken id answers
	// ErrAlreadyExists, and then none is stored.
	Append(ctx context.Context, ws engage.WorkspaceID, entries []Entry) error
	// List answers a page of the entries that a query selects, ordered by At and
	// id, the newest first.
	List(ctx context.Context, ws engage.WorkspaceID, query Query) (engage.Page[Entry], error)
	// Chained answers up to limit entries, at most engage.MaxBatch, that stand in
	// the chain, ordered by number and id, and behind those of after; the zero Link
	// is before all. It answers whatever numbers there are.
	Chained(ctx context.Context, ws engage.WorkspaceID, after Link, limit int) ([]Entry, error)
	// Waiting answers how many entries have no place in the chain, and the time of
	// the oldest; zero if there is none.
	Waiting(ctx context.Context, ws engage.WorkspaceID) (int, time.Time, error)
	// Head answers the head of the chain, zero if there is none.
	Head(ctx context.Context, ws engage.WorkspaceID) (Head, error)
	// Lock is Head, and keeps others from moving it until the transaction in ctx
	// ends, which it needs. A head that is not there yet can't be kept.
	Lock(ctx context.Context, ws engage.WorkspaceID) (Head, error)
	// Chain gives entries that have no place theirs, and replaces the head, whose
	// Version is the stored one or 0 when there is none, and is raised. With
	// another stored version it answers ErrConflict and writes nothing. Missing
	// entries are passed over.
	Chain(ctx context.Context, ws engage.WorkspaceID, links []Link, head Head) error
	// Erase removes all entries and the head of the workspace, and answers how
	// many entries there were.
	Erase(ctx context.Context, ws engage.WorkspaceID) (int, error)
}
