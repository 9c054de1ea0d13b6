//go:build wireinject

package stack

import (
	"github.com/google/wire"

	"github.com/go-engage/engage/adapters/bunstore"
	bunwire "github.com/go-engage/engage/adapters/bunstore/wire"
	"github.com/go-engage/engage/adapters/memory"
	memwire "github.com/go-engage/engage/adapters/memory/wire"
	"github.com/go-engage/engage/adapters/wiring"
)

var platform = wire.NewSet(
	wiring.All, actors, consumers,
	wire.FieldsOf(new(Config), "Email", "Clock", "IDs", "Log", "Telemetry", "Settings", "Phones",
		"Contacts", "Events", "Timeline", "Segments", "Automation", "Messaging"),
	wire.Struct(new(Platform), "Contacts", "Events", "Collector", "Timeline", "Segments", "Automation", "Messaging",
		"Tx", "Publisher", "Log", "Parked", "Consumers", "store"),
)

func composeMemory(cfg Config, kept *memory.Store, on store) (*Platform, error) {
	panic(wire.Build(platform, memwire.Set))
}

func composeSQL(cfg Config, kept *bunstore.Store, on store) (*Platform, error) {
	panic(wire.Build(platform, bunwire.Set))
}
