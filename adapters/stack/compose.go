package stack

import (
	"context"
	"errors"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/actions"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/watermillbus"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
)

// actors are the actions that workflows may use: the suite's and the host's.
func actors(cfg Config, c *contacts.Service, m *messaging.Service) []automation.Actor {
	return append([]automation.Actor{
		actions.SendEmail{Messages: m}, actions.SetAttributes{Contacts: c}, actions.AddTag{Contacts: c},
	}, cfg.Actors...)
}

// consumers are the readers of the log: the domains' and the host's.
func consumers(cfg Config, tx engage.Transactor, log engage.EventLog,
	e *events.Service, t *timeline.Service, g *segments.Service, a *automation.Service, m *messaging.Service, trail *audit.Service,
) (*watermillbus.Consumers, error) {
	bus := cfg.Bus
	bus.Tx, bus.Log, bus.Clock, bus.Logger, bus.Telemetry = tx, log, cfg.Clock, cfg.Log, cfg.Telemetry
	all := append([]*engage.Consumer{e.Consumer(), t.Consumer(), g.Consumer(), a.Consumer(), m.Consumer(), trail.Consumer()}, cfg.Consumers...)
	return watermillbus.NewConsumers(bus, all...)
}

// inMemory is the publisher over a store in memory that writes the audit trail.
func inMemory(cfg Config, kept *memory.Store, entries audit.Repository) (engage.Publisher, error) {
	return audit.NewRecorder(audit.RecorderDeps{Events: kept, Entries: entries, Clock: cfg.Clock, IDs: cfg.IDs}, cfg.Audit)
}

// inSQL is the publisher over SQL databases that writes the audit trail.
func inSQL(cfg Config, kept *bunstore.Store, entries audit.Repository) (engage.Publisher, error) {
	return audit.NewRecorder(audit.RecorderDeps{Events: kept, Entries: entries, Clock: cfg.Clock, IDs: cfg.IDs}, cfg.Audit)
}

// subscriptions is the service of plans, or nil where the host has none.
func subscriptions(d plans.Deps, cfg plans.Config) (*plans.Service, error) {
	if len(cfg.Plans) == 0 {
		return nil, nil //nolint:nilnil // Platform.Plans says so
	}
	return plans.New(d, cfg)
}

// settings are the host's, or those of accounts.
func settings(cfg Config, a *accounts.Service) engage.SettingsReader {
	if cfg.Settings != nil {
		return cfg.Settings
	}
	return lenient{a}
}

// lenient knows every workspace: hosts may use ids that accounts never made.
type lenient struct{ accounts *accounts.Service }

// Settings implements engage.SettingsReader.
func (l lenient) Settings(ctx context.Context, ws engage.WorkspaceID) (engage.Settings, error) {
	found, err := l.accounts.Settings(ctx, ws)
	if errors.Is(err, engage.ErrNotFound) {
		return engage.Settings{TimeZone: "UTC"}, nil
	}
	return found, err
}
