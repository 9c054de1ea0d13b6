//go:build wireinject

package stack

import (
	"github.com/google/wire"

	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/bunstore"
	bunwire "github.com/go-engage/engage/adapters/bunstore/wire"
	"github.com/go-engage/engage/adapters/memory"
	memwire "github.com/go-engage/engage/adapters/memory/wire"
	"github.com/go-engage/engage/adapters/wiring"
)

var platform = wire.NewSet(
	wiring.All, wiring.Accounts, wiring.Sealing, actors, consumers, settings,
	subscriptions, wire.Struct(new(plans.Deps), "*"), wire.Bind(new(plans.Organizations), new(*accounts.Service)),
	wire.FieldsOf(new(Config), "Email", "Clock", "IDs", "Log", "Telemetry", "Keys", "Ownership", "Billing", "Phones",
		"Contacts", "Events", "Timeline", "Segments", "Automation", "Messaging",
		"Accounts", "APIKeys", "Audit", "Plans", "Sealing"),
	wire.Struct(new(Platform), "Contacts", "Events", "Collector", "Timeline", "Segments", "Automation", "Messaging",
		"Accounts", "APIKeys", "Audit", "Plans", "Sealing",
		"Tx", "Publisher", "Log", "Parked", "Consumers", "store"),
)

func composeMemory(cfg Config, kept *memory.Store, on store) (*Platform, error) {
	panic(wire.Build(platform, memwire.Ports, inMemory))
}

func composeSQL(cfg Config, kept *bunstore.Store, on store) (*Platform, error) {
	panic(wire.Build(platform, bunwire.Ports, inSQL))
}
