package engage

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// Event is the payload of a domain event: a struct that encodes to JSON and
// names itself. One that is published in masses may have a method AppendJSON(b
// []byte) []byte, which appends what encoding/json would write. Adding fields keeps a name's version; a break is a new version,
// published beside the old one for one minor release.
type Event interface {
	// EventName is the wire name with its version, as
	// "contacts.contact.identified.v1".
	EventName() string
	// EventSubject is the object the event is about. Brokers take it as their
	// partition key.
	EventSubject() Ref
}

// Envelope is a published event as the log keeps it.
type Envelope struct {
	ID         EventID         `json:"id"`
	Workspace  WorkspaceID     `json:"workspace"`
	Name       string          `json:"name"`
	Subject    Ref             `json:"subject"`
	OccurredAt time.Time       `json:"occurred_at"`
	Actor      Actor           `json:"actor,omitzero"`
	Trace      string          `json:"trace,omitzero"` // W3C traceparent
	Data       json.RawMessage `json:"data"`
}

// Limits of the log. A slice is the unit of storage and delivery: a row an event
// would cost 15 times as much.
const (
	MaxSliceEvents = 500       // events a slice
	MaxSliceBytes  = 256 << 10 // bytes of a slice's envelopes
	MaxEventBytes  = 240 << 10 // bytes of one event's payload: a slice holds the largest with its envelope
)

// NewEnvelope encodes an event. Publishers call it; a payload that does not
// encode or is larger than MaxEventBytes answers ErrInvalid.
func NewEnvelope(ctx context.Context, ws WorkspaceID, event Event, id EventID, now time.Time) (Envelope, error) {
	data, err := encode(event)
	if err == nil && len(data) > MaxEventBytes {
		err = fmt.Errorf("%d bytes of payload, at most %d", len(data), MaxEventBytes)
	}
	if err != nil {
		return Envelope{}, &Error{Code: Invalid, Op: "engage.Publish", Entity: event.EventName(), Err: err}
	}
	return Envelope{
		ID: id, Workspace: ws, Name: event.EventName(), Subject: event.EventSubject(),
		OccurredAt: Instant(now), Actor: ActorFrom(ctx), Trace: TraceFrom(ctx), Data: data,
	}, nil
}

// EncodeSlice writes envelopes in the form that slices are stored and carried
// in: a version byte, then each envelope behind its length, ids and times in
// binary and the payload as it is. JSON for the whole envelope costs six times
// as much to read.
func EncodeSlice(envelopes []Envelope) ([]byte, error) {
	size := 1
	for i := range envelopes {
		size += envelopes[i].size() + binary.MaxVarintLen32
	}
	out := append(make([]byte, 0, size), 1)
	for i := range envelopes {
		out = binary.AppendUvarint(out, uint64(envelopes[i].size()))
		out = envelopes[i].appendBinary(out)
	}
	return out, nil
}

// texts are the fields that stand behind their lengths.
func (e *Envelope) texts() [5]string {
	return [...]string{e.Name, e.Subject.Type, e.Actor.Type, e.Actor.ID, e.Trace}
}

// size is how many bytes appendBinary writes.
func (e *Envelope) size() int {
	n := fixedSize + len(e.Data)
	for _, text := range e.texts() {
		n += len(text) + 1
		for length := len(text); length >= 0x80; length >>= 7 {
			n++
		}
	}
	return n
}

// fixedSize is that of the ids and the time.
const fixedSize = 16 + 16 + 8 + 16

// appendBinary writes the fields in their order; texts stand behind their
// lengths, and the payload is what is left.
func (e *Envelope) appendBinary(b []byte) []byte {
	b = append(b, e.ID[:]...)
	b = append(b, e.Workspace[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.OccurredAt.UnixMicro()))
	b = append(b, e.Subject.ID[:]...)
	for _, text := range e.texts() {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return append(b, e.Data...)
}

// unmarshalBinary reads what appendBinary wrote into the zero Envelope. The
// payload is not copied, and texts that are as those of the envelope before, as
// most are, are shared with it.
func (e *Envelope) unmarshalBinary(b []byte, before *Envelope) error {
	if len(b) < fixedSize {
		return fmt.Errorf("an envelope of %d bytes", len(b))
	}
	copy(e.ID[:], b)
	copy(e.Workspace[:], b[16:])
	e.OccurredAt = time.UnixMicro(int64(binary.BigEndian.Uint64(b[32:]))).UTC()
	copy(e.Subject.ID[:], b[40:])
	b = b[fixedSize:]
	known := before.texts()
	for i, text := range [...]*string{&e.Name, &e.Subject.Type, &e.Actor.Type, &e.Actor.ID, &e.Trace} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return fmt.Errorf("an envelope is cut short")
		}
		if *text = known[i]; known[i] != string(b[n:n+int(size)]) {
			*text = string(b[n : n+int(size)])
		}
		b = b[n+int(size):]
	}
	if e.ID.IsZero() || e.Workspace.IsZero() || e.Name == "" {
		return fmt.Errorf("an envelope has no id, no workspace or no name")
	}
	e.Data = b
	return nil
}

// usualBytes is what most payloads fit into.
const usualBytes = 512

// encode is json.Marshal without the escapes for HTML, which make six bytes of
// each <, > and &.
func encode(v any) ([]byte, error) {
	if fast, ok := v.(interface{ AppendJSON(b []byte) []byte }); ok {
		return fast.AppendJSON(make([]byte, 0, usualBytes)), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// DecodeSlice reads what EncodeSlice wrote; anything else answers ErrInvalid.
func DecodeSlice(data []byte) ([]Envelope, error) {
	fault := func(err error) ([]Envelope, error) {
		return nil, &Error{Code: Invalid, Op: "engage.DecodeSlice", Err: err}
	}
	if len(data) == 0 || data[0] != 1 {
		return fault(fmt.Errorf("unknown slice version"))
	}
	count := 0
	for rest := data[1:]; len(rest) > 0; count++ {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return fault(fmt.Errorf("cut short after %d envelopes", count))
		}
		rest = rest[n+int(size):]
	}
	if count == 0 {
		return nil, nil
	}
	envelopes, before := make([]Envelope, count), &Envelope{}
	rest := data[1:]
	for i := range envelopes {
		size, n := binary.Uvarint(rest)
		if err := envelopes[i].unmarshalBinary(rest[n:n+int(size):n+int(size)], before); err != nil {
			return fault(err)
		}
		before, rest = &envelopes[i], rest[n+int(size):]
	}
	return envelopes, nil
}
