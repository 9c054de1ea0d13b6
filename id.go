package engage

import (
	"bytes"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Kind tells ids apart at compile time. Each aggregate has one: an empty
// struct whose IDPrefix is the short, lower-case word that stands before its
// ids on the wire.
type Kind interface{ IDPrefix() string }

// ID identifies one object of one kind. It is a UUIDv7 (RFC 9562): 16 bytes
// that sort by creation time. On the wire it is the kind's prefix, an
// underscore and 26 characters of lower-case base32, as in
// "con_01jd3v9r8w…". The zero ID identifies nothing and is refused wherever an
// object is named.
//
// A package names its id type once, and a swapped argument no longer compiles:
//
//	type kind struct{}
//	func (kind) IDPrefix() string { return "con" }
//	type ID = engage.ID[kind]
type ID[K Kind] [16]byte

// idEncoding is Crockford's alphabet in lower case: it keeps the order of the
// bytes and leaves out letters that read like digits.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// ParseID reads the wire form of an id. Another kind's prefix, the zero id and
// anything but the canonical spelling answer ErrInvalid.
func ParseID[K Kind](s string) (ID[K], error) {
	var id ID[K]
	err := id.UnmarshalText([]byte(s))
	return id, err
}

// NewID draws the next id of a kind from source.
func NewID[K Kind](source IDSource) ID[K] { return ID[K](source.NewID()) }

// String is the wire form, or "" for the zero id.
func (id ID[K]) String() string {
	text, _ := id.AppendText(nil) // never fails
	return string(text)
}

// AppendText appends the wire form, or nothing for the zero id. It implements
// encoding.TextAppender.
func (id ID[K]) AppendText(b []byte) ([]byte, error) {
	if id.IsZero() {
		return b, nil
	}
	var k K
	b = append(append(b, k.IDPrefix()...), '_')
	return idEncoding.AppendEncode(b, id[:]), nil
}

// IsZero reports whether the id identifies nothing.
func (id ID[K]) IsZero() bool { return id == ID[K]{} }

// Compare orders ids by their bytes, hence by creation time.
func (id ID[K]) Compare(other ID[K]) int { return bytes.Compare(id[:], other[:]) }

// Time is the millisecond at which the id was made.
func (id ID[K]) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16)).UTC()
}

// MarshalText is the wire form; the zero id is the empty text.
func (id ID[K]) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the wire form and leaves id unchanged on ErrInvalid.
func (id *ID[K]) UnmarshalText(text []byte) error {
	var k K
	fault := func(why string) error {
		return &Error{Code: Invalid, Op: "engage.ParseID", Err: fmt.Errorf("%q: %s", clip(string(text), 64), why)}
	}
	body, ok := strings.CutPrefix(string(text), k.IDPrefix()+"_")
	if !ok {
		return fault("want prefix " + k.IDPrefix() + "_")
	}
	var parsed ID[K]
	if len(body) != idEncoding.EncodedLen(len(parsed)) {
		return fault("want 26 characters after the prefix")
	}
	if _, err := idEncoding.Decode(parsed[:], []byte(body)); err != nil {
		return fault("not base32")
	}
	if parsed.IsZero() {
		return fault("the zero id")
	}
	if idEncoding.EncodeToString(parsed[:]) != body {
		return fault("not the canonical spelling")
	}
	*id = parsed
	return nil
}

type (
	workspaceKind struct{}
	userKind      struct{}
	teamKind      struct{}
	eventKind     struct{}
	sliceKind     struct{}
)

func (workspaceKind) IDPrefix() string { return "wsp" }
func (userKind) IDPrefix() string      { return "usr" }
func (teamKind) IDPrefix() string      { return "tem" }
func (eventKind) IDPrefix() string     { return "dev" }
func (sliceKind) IDPrefix() string     { return "sli" }

type (
	// WorkspaceID identifies a workspace, the tenant. It is the first argument
	// after ctx of every method that serves one tenant.
	WorkspaceID = ID[workspaceKind]
	// UserID identifies a person who works with the platform, not a contact.
	UserID = ID[userKind]
	// TeamID identifies a group of users.
	TeamID = ID[teamKind]
	// EventID identifies one published domain event; external effects take it
	// as their idempotency key.
	EventID = ID[eventKind]
	// SliceID identifies one stored row of the log.
	SliceID = ID[sliceKind]
)

// Ref points at an object of any type, as "contact" and the bytes of its id.
// On the wire it is the text "contact:01jd3v…".
type Ref struct {
	Type string
	ID   [16]byte
}

// RefTo makes a Ref of an id.
func RefTo[K Kind](objectType string, id ID[K]) Ref { return Ref{Type: objectType, ID: id} }

// IsZero reports whether the reference points at nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// String is "type:base32", or "" for the zero Ref.
func (r Ref) String() string {
	if r.IsZero() {
		return ""
	}
	return r.Type + ":" + idEncoding.EncodeToString(r.ID[:])
}

// MarshalText is String.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote; any other spelling answers
// ErrInvalid.
func (r *Ref) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*r = Ref{}
		return nil
	}
	kind, body, ok := strings.Cut(string(text), ":")
	var parsed Ref
	if ok && kind != "" && len(body) == idEncoding.EncodedLen(len(parsed.ID)) {
		parsed.Type = kind
		if _, err := idEncoding.Decode(parsed.ID[:], []byte(body)); err == nil && parsed.String() == string(text) {
			*r = parsed
			return nil
		}
	}
	return &Error{Code: Invalid, Op: "engage.Ref", Err: fmt.Errorf("%q is no reference", clip(string(text), 64))}
}

// IDSource draws ids. It is safe for concurrent use.
type IDSource interface {
	// NewID answers a UUIDv7 greater than every one this source answered before.
	NewID() [16]byte
}

// NewIDSource makes UUIDv7 ids from the time of clock and bytes of random
// (nil: crypto/rand). With a manual clock and a seeded reader the ids repeat,
// which tests use to compare whole databases.
func NewIDSource(clock Clock, random io.Reader) IDSource {
	return &idSource{clock: clock, random: newRandom(random)}
}

type idSource struct {
	clock  Clock
	random io.Reader

	mu   sync.Mutex
	last uint64 // 48 bits of milliseconds, 12 bits of counter
}

func (s *idSource) NewID() [16]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var id [16]byte
	if _, err := io.ReadFull(s.random, id[:]); err != nil {
		panic(errors.Join(errors.New("engage: the random source failed"), err))
	}
	// The counter starts low in each millisecond, so that 3,072 ids or more fit
	// before it carries into the next one.
	now := uint64(s.clock.Now().UnixMilli())<<12 | uint64(binary.BigEndian.Uint16(id[6:])&0x03ff)
	if now <= s.last {
		now = s.last + 1
	}
	s.last = now
	binary.BigEndian.PutUint64(id[:], now>>12<<16|0x7000|now&0x0fff)
	id[8] = id[8]&0x3f | 0x80
	return id
}

// clip shortens what a caller sent before it is quoted in an error.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
