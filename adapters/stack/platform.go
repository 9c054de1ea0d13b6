package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/uptrace/bun"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
)

// Config is what a host brings. Email is required; the zero value of the rest
// works.
type Config struct {
	// Email hands emails over; adapters/smtpmail has one.
	Email messaging.EmailSender

	Clock     engage.Clock     // nil: engage.SystemClock
	IDs       engage.IDSource  // nil: engage.NewIDSource(Clock, nil)
	Log       *slog.Logger     // nil: discards
	Telemetry engage.Telemetry // nil: discards

	// Keys wraps the data keys that secrets are sealed under. Required on a
	// server, where every replica needs the same; nil: SQLite makes a file beside
	// the database, <database>.key, and memory draws one at random.
	Keys sealing.KeyProvider

	Settings  engage.SettingsReader // nil: Accounts; a workspace that it does not know is in UTC
	Ownership accounts.Ownership    // nil: rights to one's own and one's team's objects hold for none
	Billing   plans.Billing         // nil: subscriptions are billed by hand
	Phones    contacts.PhoneParser  // nil: phone numbers must be in international form
	Actors    []automation.Actor    // actions of the host's own, besides those of adapters/actions
	Consumers []*engage.Consumer    // of the host's own

	Contacts   contacts.Config
	Events     events.Config
	Timeline   timeline.Config
	Segments   segments.Config
	Automation automation.Config
	Messaging  messaging.Config
	Accounts   accounts.Config
	APIKeys    apikeys.Config
	Audit      audit.Config
	Plans      plans.Config // without plans there is no Platform.Plans
	Sealing    sealing.Config
	Bus        watermillbus.Config // Tx, Log, Clock, Logger and Telemetry are filled in
}

// resolve fills the defaults in.
func (cfg Config) resolve() Config {
	if cfg.Clock == nil {
		cfg.Clock = engage.SystemClock{}
	}
	if cfg.IDs == nil {
		cfg.IDs = engage.NewIDSource(cfg.Clock, nil)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg
}

// Platform is the composed suite.
type Platform struct {
	Contacts   *contacts.Service
	Events     *events.Service
	Collector  *events.Collector // takes events only while Run runs
	Timeline   *timeline.Service
	Segments   *segments.Service
	Automation *automation.Service
	Messaging  *messaging.Service

	Accounts *accounts.Service
	APIKeys  *apikeys.Service
	Audit    *audit.Service
	Plans    *plans.Service // nil without Config.Plans
	Sealing  *sealing.Service

	Tx        engage.Transactor
	Publisher engage.Publisher
	Log       engage.EventLog
	Parked    engage.ParkedEvents // what consumers failed on, for operators
	Consumers *watermillbus.Consumers

	// SQL and Database are what the platform stands on, for a host's own
	// statements beside or within the suite's transactions; nil in memory.
	SQL      *bunstore.Store
	Database *bun.DB

	store store
}

// store is what a Platform needs of the store that it stands on.
type store struct {
	workers []engage.Worker
	migrate func(ctx context.Context) error
	close   func() error
}

// Migrate makes the tables, or brings those of an older version up to date. It
// is safe to call from every replica at once, and does nothing in memory.
func (p *Platform) Migrate(ctx context.Context) error {
	if p.store.migrate == nil {
		return nil
	}
	return p.store.migrate(ctx)
}

// Workers are all background work. A host may run any subset in any process;
// Run runs them all.
func (p *Platform) Workers() []engage.Worker {
	workers := append([]engage.Worker{p.Collector}, p.store.workers...)
	workers = append(workers, p.Consumers.Workers()...)
	workers = append(workers, p.Segments.Workers()...)
	workers = append(workers, p.Automation.Workers()...)
	workers = append(workers, p.Messaging.Workers()...)
	workers = append(workers, p.APIKeys.Workers()...)
	workers = append(workers, p.Sealing.Workers()...)
	if p.Plans != nil {
		workers = append(workers, p.Plans.Workers()...)
	}
	return workers
}

// Run runs all workers until ctx ends, then lets them finish what they hold. A
// worker that can't go on ends the others; its error is answered.
func (p *Platform) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := p.Workers()
	failed := make([]error, len(workers))
	var wg sync.WaitGroup
	for i, w := range workers {
		wg.Go(func() {
			if err := w.Run(ctx); err != nil {
				failed[i] = fmt.Errorf("worker %s: %w", w.Name(), err)
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(failed...)
}

// maxRounds bounds Drain: work that makes work for ever is a loop between a
// workflow and what triggers it.
const maxRounds = 10_000

// Drain does everything that is due now, in this goroutine, and answers when
// there is nothing left. Waits that are not over stay. It is for tests, commands
// and examples; Run must not run beside it.
func (p *Platform) Drain(ctx context.Context) error {
	for range maxRounds {
		done := 0
		for _, w := range p.Workers() {
			stepper, ok := w.(interface {
				Step(ctx context.Context) (int, error)
			})
			if !ok {
				continue
			}
			n, err := stepper.Step(ctx)
			if err != nil {
				return fmt.Errorf("worker %s: %w", w.Name(), err)
			}
			done += n
		}
		if done == 0 {
			return nil
		}
	}
	return &engage.Error{Code: engage.FailedPrecondition, Op: "stack.Drain", Err: errors.New("there is always more to do")}
}

// Close gives up what the constructor opened. It is safe to call twice, and
// without a Run; call it after Run has answered.
func (p *Platform) Close() error {
	if p.store.close == nil {
		return nil
	}
	return p.store.close()
}
