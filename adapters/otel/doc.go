// Package otel carries the suite's measurements and traces to OpenTelemetry. A
// host that has the OpenTelemetry SDK imports it and passes New's result as the
// Telemetry of its composition; the package itself needs OpenTelemetry's API
// alone.
//
//	telemetry := otel.New(otel.Config{Meters: meterProvider, Tracers: tracerProvider})
//	platform, err := stack.Postgres(ctx, dsn, stack.Config{Telemetry: telemetry, …})
//
// What the suite emits; names are engage.<package>.<thing>:
//
//	name                            kind       unit     attributes       what
//	engage.events.refused           counter    {call}                    calls that the collector refused
//	engage.events.collect.duration  histogram  s                         a collector's transaction
//	engage.watermillbus.consumed    counter    {event}  consumer from    events that a consumer has passed; from: broker or log, where both are
//	engage.watermillbus.parked      counter    {event}  consumer         events that a consumer failed on and set aside
//	engage.watermillbus.unparked    counter    {event}  consumer failed  parked events that succeeded when tried again
//	engage.watermillbus.refused     counter    {slice}  consumer         slices from a broker that can't be read
//	engage.watermillbus.lost        counter    {slice}  consumer         slices that a broker lost
//
// The workspace is never an attribute: a workspace would be a time series of
// every instrument, and its measurements would be open to whoever reads the
// others'. What is given under its name, or is a workspace's id, is dropped.
//
// # Traces
//
// An event carries the W3C traceparent that engage.WithTrace noted in the
// context it was published in. Span notes its own; a host that starts spans of
// its own, in its HTTP server for example, notes them with Trace. Events are
// consumed in batches of many traces, so a consumer's work is a trace of its
// own with links to those of its events: the span engage.watermillbus.handle,
// one each call of a consumer's handlers, with the attribute consumer. What the
// handlers publish carries that trace on.
package otel
