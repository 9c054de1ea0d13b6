package otel

import "strings"

// seconds is the unit of durations.
const seconds = "s"

// instrument is what OpenTelemetry is told of a name.
type instrument struct{ unit, description string }

// instruments are those that the suite emits, as the package's documentation
// lists them.
var instruments = map[string]instrument{
	"engage.events.refused":          {"{call}", "calls that the collector refused"},
	"engage.events.collect.duration": {seconds, "a collector's transaction"},
	"engage.watermillbus.consumed":   {"{event}", "events that a consumer has passed"},
	"engage.watermillbus.parked":     {"{event}", "events that a consumer failed on and set aside"},
	"engage.watermillbus.unparked":   {"{event}", "parked events that succeeded when tried again"},
	"engage.watermillbus.refused":    {"{slice}", "slices from a broker that can't be read"},
	"engage.watermillbus.lost":       {"{slice}", "slices that a broker lost"},
}

// describe answers what is known of a name. A host's own names follow the
// conventions by their end.
func describe(name string) instrument {
	if known, ok := instruments[name]; ok {
		return known
	}
	for end, unit := range map[string]string{".duration": seconds, ".lag": seconds, ".age": seconds, ".size": "By"} {
		if strings.HasSuffix(name, end) {
			return instrument{unit: unit}
		}
	}
	return instrument{unit: "1"}
}
