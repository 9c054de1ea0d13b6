package messaging

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// Contacts answers whom messages go to: contacts.Service does.
type Contacts interface {
	// Standing answers whom ids, at most engage.MaxBatch, stand for now, by the
	// ids asked for: an absorbed contact's for its survivor. Missing ones are left
	// out.
	Standing(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (map[contacts.ID]contacts.Contact, error)
}

// Deps are what a Service works with.
type Deps struct {
	Runtime   engage.Runtime
	Templates TemplateRepository
	Messages  MessageRepository
	Due       MessageRepositoryAcross
	Contacts  Contacts
	Email     EmailSender
}

// Config tunes a Service. The zero Config works.
type Config struct {
	// MaxUnconfirmed bounds the intents without a committed outcome of this
	// process; default DefaultMaxUnconfirmed. More send faster, and leave more
	// unknown when the process is killed.
	MaxUnconfirmed int
	// Lease is how long an intent may be without an outcome before it counts as
	// lost, of which four fifths are for handing it over; default DefaultLease. It
	// is the same in all processes of a database.
	Lease time.Duration
}

// Service holds the rules of messages. It is safe for concurrent use.
type Service struct {
	rt         engage.Runtime
	templates  TemplateRepository
	messages   MessageRepository
	due        MessageRepositoryAcross
	contacts   Contacts
	email      EmailSender
	cfg        Config
	dispatcher *engage.Loop

	dispatching sync.Mutex // guards heldUntil
	heldUntil   time.Time  // nothing is handed over before

	compiledMu sync.Mutex
	compiled   map[compiledKey]*Compiled

	unsavedMu sync.Mutex
	unsaved   map[engage.Shard][]MessageAcross // outcomes whose commit failed
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, cfg Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	if d.Templates == nil {
		faults.Add("templates", "required", "a TemplateRepository is required")
	}
	if d.Messages == nil || d.Due == nil {
		faults.Add("messages", "required", "a MessageRepository and a MessageRepositoryAcross are required")
	}
	if d.Contacts == nil {
		faults.Add("contacts", "required", "a Contacts is required")
	}
	if d.Email == nil {
		faults.Add("email", "required", "an EmailSender is required")
	}
	if cfg.MaxUnconfirmed < 0 || cfg.MaxUnconfirmed > engage.MaxBatch {
		faults.Add("max_unconfirmed", "out_of_range", "want 1 to %d, or 0 for %d", engage.MaxBatch, DefaultMaxUnconfirmed)
	}
	if cfg.Lease < 0 {
		faults.Add("lease", "out_of_range", "want more than 0, or 0 for %s", DefaultLease)
	}
	cfg.MaxUnconfirmed = cmp.Or(cfg.MaxUnconfirmed, DefaultMaxUnconfirmed)
	cfg.Lease = cmp.Or(cfg.Lease, DefaultLease)
	if err := faults.Err("messaging.New", ""); err != nil {
		return nil, err
	}
	s := &Service{
		rt: rt, templates: d.Templates, messages: d.Messages, due: d.Due, contacts: d.Contacts, email: d.Email,
		cfg: cfg, compiled: map[compiledKey]*Compiled{}, unsaved: map[engage.Shard][]MessageAcross{},
	}
	s.dispatcher = engage.NewLoop("messaging.dispatcher", rt.Log, s.dispatch)
	return s, nil
}

// Workers are the package's background work: one that sends what is due.
func (s *Service) Workers() []engage.Worker { return []engage.Worker{s.dispatcher} }
