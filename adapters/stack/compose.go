package stack

import (
	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/actions"
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
	e *events.Service, t *timeline.Service, g *segments.Service, a *automation.Service, m *messaging.Service,
) (*watermillbus.Consumers, error) {
	bus := cfg.Bus
	bus.Tx, bus.Log, bus.Clock, bus.Logger, bus.Telemetry = tx, log, cfg.Clock, cfg.Log, cfg.Telemetry
	all := append([]*engage.Consumer{e.Consumer(), t.Consumer(), g.Consumer(), a.Consumer(), m.Consumer()}, cfg.Consumers...)
	return watermillbus.NewConsumers(bus, all...)
}
