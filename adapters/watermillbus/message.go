package watermillbus

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/go-engage/engage"
)

// AllEvents is the topic of every event, whatever its name.
const AllEvents = "*"

// The metadata of a message that carries an event. Publisher reads the
// workspace, the subject and the trace; it leaves the others to the log.
const (
	MetadataWorkspace  = "workspace"   // engage.WorkspaceID
	MetadataName       = "name"        // the event's wire name
	MetadataSubject    = "subject"     // engage.Ref; a broker's partition key
	MetadataEvent      = "event"       // engage.EventID
	MetadataSlice      = "slice"       // engage.SliceID that it came in
	MetadataOccurredAt = "occurred_at" // RFC 3339, UTC, microseconds
	MetadataTrace      = "traceparent" // W3C; absent without one
)

const instantLayout = "2006-01-02T15:04:05.000000Z07:00"

// wrapMember is the member of an event's payload that holds what a Watermill
// message has besides its own payload.
const wrapMember = "_watermill"

// wrap is that member's value.
type wrap struct {
	UUID     string            `json:"uuid"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Payload  []byte            `json:"payload,omitempty"` // when it stands in no object of its own
}

// wrapped is a Watermill message as a domain event.
type wrapped struct {
	name    string
	subject engage.Ref
	body    json.RawMessage
}

func (w wrapped) EventName() string            { return w.name }
func (w wrapped) EventSubject() engage.Ref     { return w.subject }
func (w wrapped) MarshalJSON() ([]byte, error) { return w.body, nil }

// wrapMessage makes an event of a message. A payload that is a JSON object as
// encoding/json writes it becomes the event's own, with one member more, so
// that typed handlers can decode it; any other payload is kept as bytes.
func wrapMessage(topic string, msg *message.Message) (wrapped, error) {
	const op = "watermillbus.Publish"
	w := wrapped{name: topic}
	about := wrap{UUID: msg.UUID, Metadata: map[string]string{}}
	for key, value := range msg.Metadata {
		switch key {
		case MetadataWorkspace, MetadataName, MetadataEvent, MetadataSlice, MetadataOccurredAt, MetadataTrace:
		case MetadataSubject:
			if err := w.subject.UnmarshalText([]byte(value)); err != nil {
				return w, &engage.Error{Code: engage.Invalid, Op: op, Entity: msg.UUID, Err: err}
			}
		default:
			about.Metadata[key] = value
		}
	}
	object := isPlainObject(msg.Payload)
	if !object {
		about.Payload = msg.Payload
	}
	member, err := json.Marshal(about)
	if err != nil {
		return w, &engage.Error{Code: engage.Invalid, Op: op, Entity: msg.UUID, Err: err}
	}
	if object {
		w.body = append(bytes.Clone(msg.Payload[:len(msg.Payload)-1]), ',')
	} else {
		w.body = []byte{'{'}
	}
	w.body = append(w.body, `"`+wrapMember+`":`...)
	w.body = append(append(w.body, member...), '}')
	return w, nil
}

// isPlainObject reports whether a payload is a JSON object with members that
// comes out of the log byte for byte as it went in.
func isPlainObject(payload []byte) bool {
	if len(payload) <= len("{}") || payload[0] != '{' || bytes.Contains(payload, []byte(wrapMember)) {
		return false
	}
	again, err := json.Marshal(json.RawMessage(payload))
	return err == nil && bytes.Equal(again, payload)
}

// messageOf makes a message of an event. What Publisher wrote comes back as the
// message it was, any other event with its id and its payload.
func messageOf(event *engage.Envelope, slice engage.SliceID) *message.Message {
	msg := message.NewMessage(event.ID.String(), message.Payload(event.Data))
	if at := bytes.LastIndex(event.Data, []byte(`"`+wrapMember+`":{`)); at > 0 {
		unwrap(msg, event.Data, at)
	}
	msg.Metadata.Set(MetadataWorkspace, event.Workspace.String())
	msg.Metadata.Set(MetadataName, event.Name)
	msg.Metadata.Set(MetadataSubject, event.Subject.String())
	msg.Metadata.Set(MetadataEvent, event.ID.String())
	msg.Metadata.Set(MetadataSlice, slice.String())
	msg.Metadata.Set(MetadataOccurredAt, event.OccurredAt.UTC().Format(instantLayout))
	if event.Trace != "" {
		msg.Metadata.Set(MetadataTrace, event.Trace)
	}
	return msg
}

// unwrap turns the member that begins at an offset back into a message. The
// member is the last one; if it isn't, the event is of somebody who uses the
// word, and stays as it is.
func unwrap(msg *message.Message, data []byte, at int) {
	var about wrap
	member := data[at+len(wrapMember)+3 : len(data)-1]
	if json.Unmarshal(member, &about) != nil {
		return
	}
	switch data[at-1] {
	case '{':
		msg.Payload = about.Payload
	case ',':
		msg.Payload = append(bytes.Clone(data[:at-1]), '}')
	default:
		return
	}
	msg.UUID = about.UUID
	for key, value := range about.Metadata {
		msg.Metadata.Set(key, value)
	}
}

// withTrace gives ctx the message's trace unless it has one.
func withTrace(ctx context.Context, msg *message.Message) context.Context {
	if trace := msg.Metadata.Get(MetadataTrace); trace != "" && engage.TraceFrom(ctx) == "" {
		return engage.WithTrace(ctx, trace)
	}
	return ctx
}

// Logger makes a Watermill logger of slog. Watermill's info is said for each
// message and each subscription, so it becomes debug. A nil log discards.
func Logger(log *slog.Logger) watermill.LoggerAdapter {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
}

// pause waits for d or until ctx ends, and reports which.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
