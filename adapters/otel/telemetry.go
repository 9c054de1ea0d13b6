package otel

import (
	"context"
	"strings"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-engage/engage"
)

// scope is the name that instruments and spans are made under.
const scope = "github.com/go-engage/engage"

// Config is what a Telemetry is made of. The zero value takes the process's
// global providers.
type Config struct {
	Meters  metric.MeterProvider // nil: otel.GetMeterProvider()
	Tracers trace.TracerProvider // nil: otel.GetTracerProvider()
}

// Telemetry is an engage.Telemetry on OpenTelemetry. It may be used
// concurrently.
type Telemetry struct {
	meter  metric.Meter
	tracer trace.Tracer

	counters   cache[metric.Int64Counter]
	histograms cache[metric.Float64Histogram]
}

var _ engage.Telemetry = (*Telemetry)(nil)

// New makes a Telemetry. Instruments are made when they are first used.
func New(cfg Config) *Telemetry {
	if cfg.Meters == nil {
		cfg.Meters = otel.GetMeterProvider()
	}
	if cfg.Tracers == nil {
		cfg.Tracers = otel.GetTracerProvider()
	}
	return &Telemetry{meter: cfg.Meters.Meter(scope), tracer: cfg.Tracers.Tracer(scope)}
}

// Count adds to a counter.
func (t *Telemetry) Count(ctx context.Context, name string, n int64, attrs ...string) {
	t.counters.of(name, t.counter).Add(ctx, n, metric.WithAttributes(attributes(attrs)...))
}

// Record notes one value of a histogram. Names that end in ".duration" are
// seconds, in the buckets that OpenTelemetry's conventions give for them.
func (t *Telemetry) Record(ctx context.Context, name string, value float64, attrs ...string) {
	t.histograms.of(name, t.histogram).Record(ctx, value, metric.WithAttributes(attributes(attrs)...))
}

// counter makes an instrument. One that can't be made discards, and the SDK's
// error handler has heard of it.
func (t *Telemetry) counter(name string) metric.Int64Counter {
	known := describe(name)
	made, _ := t.meter.Int64Counter(name, metric.WithUnit(known.unit), metric.WithDescription(known.description))
	return made
}

func (t *Telemetry) histogram(name string) metric.Float64Histogram {
	known := describe(name)
	options := []metric.Float64HistogramOption{metric.WithUnit(known.unit), metric.WithDescription(known.description)}
	if known.unit == seconds {
		options = append(options, metric.WithExplicitBucketBoundaries(
			0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	}
	made, _ := t.meter.Float64Histogram(name, options...)
	return made
}

// cache keeps instruments by their names.
type cache[I any] struct {
	mu   sync.RWMutex
	made map[string]I
}

func (c *cache[I]) of(name string, create func(name string) I) I {
	c.mu.RLock()
	made, ok := c.made[name]
	c.mu.RUnlock()
	if ok {
		return made
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if made, ok = c.made[name]; !ok {
		if c.made == nil {
			c.made = map[string]I{}
		}
		made = create(name)
		c.made[name] = made
	}
	return made
}

// Gauge has a function asked for a value at every collection, such as a
// consumer's lag from the platform's statistics. The function may observe
// several values, one each combination of attributes.
func (t *Telemetry) Gauge(name string, read func(ctx context.Context, observe func(value float64, attrs ...string)) error) error {
	known := describe(name)
	_, err := t.meter.Float64ObservableGauge(name, metric.WithUnit(known.unit), metric.WithDescription(known.description),
		metric.WithFloat64Callback(func(ctx context.Context, o metric.Float64Observer) error {
			return read(ctx, func(value float64, attrs ...string) {
				o.Observe(value, metric.WithAttributes(attributes(attrs)...))
			})
		}))
	if err != nil {
		return &engage.Error{Code: engage.Invalid, Op: "otel.Gauge", Entity: name, Err: err}
	}
	return nil
}

// Span starts a span, and notes it as the trace that events published in the
// context carry. It is a child of the context's span; without one, of the trace
// that engage.WithTrace noted. Values under the attribute LinkAttribute become
// links. The function it answers ends the span; an error sets its status and
// its code, and its text stays out, for it may hold what people typed.
func (t *Telemetry) Span(ctx context.Context, name string, attrs ...string) (context.Context, func(error)) {
	if parent := parse(engage.TraceFrom(ctx)); parent.IsValid() && !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithAttributes(attributes(attrs)...), trace.WithLinks(links(attrs)...))
	return Trace(ctx), func(err error) {
		if err != nil {
			code := string(engage.CodeOf(err))
			span.SetAttributes(attribute.String("error.type", code))
			span.SetStatus(codes.Error, code)
		}
		span.End()
	}
}

// attributes are alternating keys and values, without workspaces, links and a
// key that has no value.
func attributes(attrs []string) []attribute.KeyValue {
	if len(attrs) < 2 {
		return nil
	}
	set := make([]attribute.KeyValue, 0, len(attrs)/2)
	for i := 0; i+1 < len(attrs); i += 2 {
		if key, value := attrs[i], attrs[i+1]; key != LinkAttribute && !namesWorkspace(key, value) {
			set = append(set, attribute.String(key, value))
		}
	}
	return set
}

// namesWorkspace reports whether an attribute would tell workspaces apart.
func namesWorkspace(key, value string) bool {
	switch strings.ToLower(key) {
	case "workspace", "workspace_id", "workspace.id", "ws", "tenant", "tenant_id", "tenant.id":
		return true
	}
	var ws engage.WorkspaceID
	return ws.UnmarshalText([]byte(value)) == nil
}
