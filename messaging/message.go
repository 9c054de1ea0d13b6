package messaging

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

type messageKind struct{}

func (messageKind) IDPrefix() string { return "msg" }

// MessageID identifies a message of the ledger.
type MessageID = engage.ID[messageKind]

// State says where a message stands on its way out.
type State string

// The states of a message. A message leaves the process only as an intent; the
// last four states are final, but for Unknown, which a transactional message
// leaves once.
const (
	Planned  State = "planned"  // to be sent at its time
	Intended State = "intended" // about to be handed over, or handed over and not confirmed
	Accepted State = "accepted" // the other side took it
	Failed   State = "failed"   // the other side refused it, or it can't be made
	Unknown  State = "unknown"  // handed over perhaps; the answer was lost
	Skipped  State = "skipped"  // not sent, for a reason
)

// IsFinal reports whether the state does not change by itself any more.
func (s State) IsFinal() bool { return s != Planned && s != Intended }

// Class says what a message is for, and with that what happens when its outcome
// is unknown.
type Class string

// The classes of messages.
const (
	Marketing     Class = "marketing"     // sent at most once
	Transactional Class = "transactional" // sent at least once: an unknown outcome is repeated once, under the same Message-ID
)

// Reason says why a message was skipped or failed before it was handed over.
type Reason string

// The reasons.
const (
	NoContact    Reason = "no_contact"     // the contact is gone
	NoAddress    Reason = "no_address"     // the contact has no address on the channel
	NoTemplate   Reason = "no_template"    // the template is gone
	BadContent   Reason = "bad_content"    // the template does not render for the contact
	TooManyTries Reason = "too_many_tries" // retryable failures, MaxAttempts of them
)

// Message is a row of the ledger: one message to one contact, from the plan to
// the outcome.
type Message struct {
	ID         MessageID
	Key        string // the caller's idempotency key, unique in the workspace
	ContactID  contacts.ID
	TemplateID TemplateID
	Class      Class
	Data       attribute.Value // an object; the template sees it as data
	State      State
	Address    string // where it goes; known from the intent on
	Attempts   int    // intents so far
	Repeats    int    // of them, those after an unknown outcome
	Reason     Reason
	Failure    FailureClass // of the last attempt
	Code       string       // the other side's answer to it
	ProviderID string       // the other side's name for it
	DueAt      time.Time    // when it may be sent, or tried again
	PlannedAt  time.Time
	IntendedAt time.Time // the last attempt's
	SettledAt  time.Time // zero until the state is final
	Token      int64     // of the lease that a worker holds or held; not for callers
}

// intend makes a plan an intent: the message may be handed over from now on.
func (m *Message) intend(address string, now time.Time) error {
	if m.State != Planned {
		return m.illegal(Intended)
	}
	m.State, m.Address, m.IntendedAt = Intended, address, now
	m.Attempts++
	m.Failure, m.Code = "", ""
	return nil
}

// skip ends a plan that must not become an intent.
func (m *Message) skip(state State, reason Reason, now time.Time) error {
	if m.State != Planned || state != Skipped && state != Failed {
		return m.illegal(state)
	}
	m.Reason = reason
	m.settle(state, now)
	return nil
}

// accept ends an intent that the other side took.
func (m *Message) accept(receipt Receipt, now time.Time) error {
	if m.State != Intended {
		return m.illegal(Accepted)
	}
	m.ProviderID = clean(receipt.ProviderID)
	m.settle(Accepted, now)
	return nil
}

// refuse ends an intent that the other side did not take, or plans it again when
// that may help. A class that is none of FailureClasses says nothing about the
// message, so its outcome is unknown.
func (m *Message) refuse(failure *SendError, now time.Time) error {
	if m.State != Intended {
		return m.illegal(Failed)
	}
	if failure.Class == FailureUnknown || !slices.Contains(FailureClasses(), failure.Class) {
		return m.lose(now)
	}
	m.Failure, m.Code = failure.Class, clean(failure.Code)
	switch {
	case failure.Class.MayRetry() && m.Attempts < MaxAttempts:
		m.State = Planned
		m.DueAt = engage.Instant(now.Add(max(min(failure.RetryAfter, MaxRetryAfter), engage.Backoff(m.Attempts))))
		return nil
	case failure.Class.MayRetry():
		m.Reason = TooManyTries
	case failure.Class.HoldsSender():
		// No message would have passed, so this try does not count against this one.
		m.Attempts--
		m.State, m.DueAt = Planned, engage.Instant(now.Add(senderHold))
		return nil
	}
	m.settle(Failed, now)
	return nil
}

// lose notes that nobody knows what became of an intent. A transactional message
// is sent once more, under its Message-ID; a marketing one is not.
func (m *Message) lose(now time.Time) error {
	if m.State != Intended {
		return m.illegal(Unknown)
	}
	m.Failure, m.Code = FailureUnknown, ""
	if m.Class == Transactional && m.Repeats == 0 {
		m.Repeats++
		m.State, m.DueAt = Planned, now
		return nil
	}
	m.settle(Unknown, now)
	return nil
}

// settle ends the message. One that may have arrived by an earlier attempt was
// not simply skipped or refused, whatever became of its repeat.
func (m *Message) settle(state State, now time.Time) {
	if m.Repeats > 0 && state != Accepted {
		state = Unknown
	}
	m.State, m.SettledAt, m.DueAt = state, now, time.Time{}
}

func (m *Message) illegal(to State) error {
	return &engage.Error{
		Code: engage.FailedPrecondition, Op: "messaging.Message", Entity: "message " + m.ID.String(),
		Fields: []engage.FieldError{{Path: "state", Code: "illegal_move", Message: string(m.State) + " does not become " + string(to)}},
	}
}

// messageID is the Message-ID of the email, the same for every attempt.
func (m *Message) messageID(from Address) string {
	_, domain, _ := strings.Cut(from.Email, "@")
	return m.ID.String() + "@" + domain
}

// clean makes text that every store keeps of what another side answered.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) > maxAnswerBytes {
		s = strings.ToValidUTF8(s[:maxAnswerBytes], "") // the cut may be within a character
	}
	return s
}

// MessageRepository keeps the ledger for one workspace. Writes need the
// transaction in ctx; slices hold at most engage.MaxBatch items.
type MessageRepository interface {
	// Plan stores new planned messages, whose DueAt is set, and answers, aligned,
	// which were new: of a key there is one message, the first. A new key with a
	// taken id answers ErrAlreadyExists, and none is stored.
	Plan(ctx context.Context, ws engage.WorkspaceID, messages []Message) ([]bool, error)
	// Get answers the messages among ids, ordered by id.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []MessageID) ([]Message, error)
	// OfContact answers a page of a contact's messages, ordered by id.
	OfContact(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, page engage.PageRequest) (engage.Page[Message], error)
	// Forget removes the messages of contacts, whatever their state, and answers
	// how many there were.
	Forget(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) (int, error)
}

// MessageAcross is a message with its workspace.
type MessageAcross struct {
	Workspace engage.WorkspaceID
	Message   Message
}

// MessageRepositoryAcross is what workers need of all workspaces of a database.
// Its methods need the InShard transaction in ctx, and take or answer at most
// engage.MaxBatch messages. now is what the caller says it is; nothing else
// tells them the time.
type MessageRepositoryAcross interface {
	// ClaimPlannedAcross leases planned messages that are due at now and that
	// nobody holds, at most limit, and gives each a new token; the others of its
	// fields stay. Workspaces take turns, so that a flood queues behind its own
	// tenant: of those that wait each gets an equal share, and when there are more
	// than limit, those that got none come first the next time. It answers none
	// only if none is due and free.
	ClaimPlannedAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]MessageAcross, error)
	// ClaimLostAcross does the same with intents whose lease has ended at now:
	// their worker died with the answer.
	ClaimLostAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]MessageAcross, error)
	// SaveAcross stores what became of claimed messages and answers, aligned, which
	// were stored: one whose token is no longer the stored one, or is spent, is
	// left as it is. The lease of an intent goes on under its token; any other
	// state ends the lease and spends the token, so that a save which is repeated
	// stores nothing the second time. What a message was planned with (Key,
	// ContactID, TemplateID, Class, Data, PlannedAt) never changes. Each message
	// comes once in a call.
	SaveAcross(ctx context.Context, shard engage.Shard, messages []MessageAcross) ([]bool, error)
}

// Send asks for one message to one contact.
type Send struct {
	// Key makes the request idempotent: of one key there is one message, whatever
	// is asked later. Required.
	Key        string
	ContactID  contacts.ID
	TemplateID TemplateID
	Class      Class           // default Marketing
	Data       attribute.Value // an object that the template sees as data; zero: none
	At         time.Time       // not before; zero: now
}

// Sent is what became of a Send.
type Sent struct {
	ID        MessageID // zero for a duplicate
	Duplicate bool      // a message with the key was there already
}

// Enqueue plans messages; the answers are aligned with the requests. It joins
// the caller's transaction, so a message is sent if and only if that commits.
// Faulty requests answer ErrInvalid, all listed by index. At most
// engage.MaxBatch.
func (s *Service) Enqueue(ctx context.Context, ws engage.WorkspaceID, sends ...Send) ([]Sent, error) {
	const op = "messaging.Enqueue"
	var faults engage.Faults
	now := s.rt.Clock.Now()
	messages := make([]Message, len(sends))
	for i, send := range sends {
		checkSend(&faults, i, send)
		m := Message{
			ID: engage.NewID[messageKind](s.rt.IDs), Key: send.Key, ContactID: send.ContactID, TemplateID: send.TemplateID,
			Class: send.Class, Data: send.Data, State: Planned, DueAt: engage.Instant(send.At), PlannedAt: now,
		}
		if m.Class == "" {
			m.Class = Marketing
		}
		if m.Data.IsZero() {
			m.Data = noData
		}
		if m.DueAt.Before(now) {
			m.DueAt = now
		}
		messages[i] = m
	}
	if err := errsOf(faults, op, len(sends)); err != nil {
		return nil, err
	}
	var out []Sent
	err := s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		isNew, err := s.messages.Plan(ctx, ws, messages)
		if err != nil {
			return err
		}
		out = make([]Sent, len(messages))
		for i, m := range messages {
			if out[i].Duplicate = !isNew[i]; isNew[i] {
				out[i].ID = m.ID
			}
		}
		return s.rt.Tx.AfterCommit(ctx, s.dispatcher.Poke)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

var noData = attribute.Object(nil)

func checkSend(faults *engage.Faults, i int, send Send) {
	path := fmt.Sprintf("[%d].", i)
	if send.Key == "" || len(send.Key) > engage.MaxKeyBytes || hasControl(send.Key) || !utf8.ValidString(send.Key) {
		faults.Add(path+"key", "invalid", "1 to %d bytes of UTF-8 without control characters", engage.MaxKeyBytes)
	}
	if send.ContactID.IsZero() {
		faults.Add(path+"contact_id", "required", "a message goes to a contact")
	}
	if send.TemplateID.IsZero() {
		faults.Add(path+"template_id", "required", "a message is written from a template")
	}
	if send.Class != "" && send.Class != Marketing && send.Class != Transactional {
		faults.Add(path+"class", "unknown", "%.40q is no class", string(send.Class))
	}
	if n := len(send.Data.String()); n > MaxDataBytes || n > 0 && !send.Data.IsObject() {
		faults.Add(path+"data", "invalid", "want an object of at most %d bytes", MaxDataBytes)
	} else if err := send.Data.Validate(); err != nil {
		faults.Add(path+"data", "invalid", "%v", err)
	}
}

func errsOf(faults engage.Faults, op string, n int) error {
	if n > engage.MaxBatch {
		faults.Add("sends", "too_many", "%d, at most %d", n, engage.MaxBatch)
	}
	return faults.Err(op, "")
}

// Message answers a message of the ledger, or ErrNotFound.
func (s *Service) Message(ctx context.Context, ws engage.WorkspaceID, id MessageID) (Message, error) {
	found, err := s.messages.Get(ctx, ws, []MessageID{id})
	if err != nil {
		return Message{}, err
	}
	if len(found) == 0 {
		return Message{}, notFound("messaging.Message", "message", id)
	}
	return found[0], nil
}

// MessagesOf answers a page of a contact's messages, the oldest first.
func (s *Service) MessagesOf(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, page engage.PageRequest) (engage.Page[Message], error) {
	return s.messages.OfContact(ctx, ws, contact, page)
}
