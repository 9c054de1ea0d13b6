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
	out := []byte{1}
	var body []byte
	for i := range envelopes {
		body = envelopes[i].appendBinary(body[:0])
		out = binary.AppendUvarint(out, uint64(len(body)))
		out = append(out, body...)
	}
	return out, nil
}

// appendBinary writes the fields in their order; texts stand behind their
// lengths, and the payload is what is left.
func (e *Envelope) appendBinary(b []byte) []byte {
	b = append(b, e.ID[:]...)
	b = append(b, e.Workspace[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.OccurredAt.UnixMicro()))
	b = append(b, e.Subject.ID[:]...)
	for _, text := range [...]string{e.Name, e.Subject.Type, e.Actor.Type, e.Actor.ID, e.Trace} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return append(b, e.Data...)
}

// unmarshalBinary reads what appendBinary wrote; the payload is not copied.
func (e *Envelope) unmarshalBinary(b []byte) error {
	const fixed = 16 + 16 + 8 + 16
	if len(b) < fixed {
		return fmt.Errorf("an envelope of %d bytes", len(b))
	}
	copy(e.ID[:], b)
	copy(e.Workspace[:], b[16:])
	e.OccurredAt = time.UnixMicro(int64(binary.BigEndian.Uint64(b[32:]))).UTC()
	copy(e.Subject.ID[:], b[40:])
	b = b[fixed:]
	for _, text := range [...]*string{&e.Name, &e.Subject.Type, &e.Actor.Type, &e.Actor.ID, &e.Trace} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return fmt.Errorf("an envelope is cut short")
		}
		*text = string(b[n : n+int(size)])
		b = b[n+int(size):]
	}
	if e.ID.IsZero() || e.Workspace.IsZero() || e.Name == "" {
		return fmt.Errorf("an envelope has no id, no workspace or no name")
	}
	e.Data = b
	return nil
}

// encode is json.Marshal without the escapes for HTML, which make six bytes of
// each <, > and &.
func encode(v any) ([]byte, error) {
	if fast, ok := v.(interface{ AppendJSON(b []byte) []byte }); ok {
		return fast.AppendJSON(nil), nil
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
	var envelopes []Envelope
	for rest := data[1:]; len(rest) > 0; {
		size, n := binary.Uvarint(rest)
		if n <= 0 || size > uint64(len(rest)-n) {
			return fault(fmt.Errorf("cut short after %d envelopes", len(envelopes)))
		}
		var e Envelope
		if err := e.unmarshalBinary(rest[n : n+int(size) : n+int(size)]); err != nil {
			return fault(err)
		}
		envelopes = append(envelopes, e)
		rest = rest[n+int(size):]
	}
	return envelopes, nil
}
