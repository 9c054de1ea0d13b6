package otel_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/otel"
	"github.com/go-engage/engage/adapters/watermillbus"
)

// testBundle is a Telemetry on the SDK, which keeps all in memory.
type testBundle struct {
	telemetry *otel.Telemetry
	reader    *sdkmetric.ManualReader
	spans     *tracetest.SpanRecorder
	tracers   trace.TracerProvider
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{reader: sdkmetric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	b.tracers = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans))
	b.telemetry = otel.New(otel.Config{Meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(b.reader)), Tracers: b.tracers})
	return b
}

// metrics collects what was measured, by name.
func (b *testBundle) metrics(t *testing.T) map[string]metricdata.Metrics {
	t.Helper()
	var collected metricdata.ResourceMetrics
	if err := b.reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	found := map[string]metricdata.Metrics{}
	for _, scope := range collected.ScopeMetrics {
		if scope.Scope.Name != "github.com/go-engage/engage" {
			t.Errorf("the scope is %q", scope.Scope.Name)
		}
		for _, m := range scope.Metrics {
			found[m.Name] = m
		}
	}
	return found
}

func TestMeasurements(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	t.Run("counters add up by their attributes, under the documented unit", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.telemetry.Count(ctx, "engage.watermillbus.consumed", 2, "consumer", "a")
		b.telemetry.Count(ctx, "engage.watermillbus.consumed", 3, "consumer", "a")
		b.telemetry.Count(ctx, "engage.watermillbus.consumed", 5, "consumer", "b")
		m := b.metrics(t)["engage.watermillbus.consumed"]
		got := map[string]int64{}
		for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
			name, _ := point.Attributes.Value("consumer")
			got[name.AsString()] = point.Value
		}
		if m.Unit != "{event}" || m.Description == "" || len(got) != 2 || got["a"] != 5 || got["b"] != 5 {
			t.Errorf("got %v in %q (%q)", got, m.Unit, m.Description)
		}
	})
	t.Run("durations are seconds in the conventions' buckets", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.telemetry.Record(ctx, "engage.host.call.duration", 0.03)
		m := b.metrics(t)["engage.host.call.duration"]
		point := m.Data.(metricdata.Histogram[float64]).DataPoints[0]
		if m.Unit != "s" || point.Count != 1 || point.Sum != 0.03 || len(point.Bounds) != 14 || point.Bounds[0] != 0.005 {
			t.Errorf("got %+v in %q", point, m.Unit)
		}
	})
	t.Run("gauges are asked at each collection", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		asked := 0
		err := b.telemetry.Gauge("engage.log.lag", func(_ context.Context, observe func(float64, ...string)) error {
			asked++
			observe(1.5, "consumer", "a")
			observe(2.5, "consumer", "b")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		m := b.metrics(t)["engage.log.lag"]
		if points := m.Data.(metricdata.Gauge[float64]).DataPoints; asked != 1 || len(points) != 2 || m.Unit != "s" {
			t.Errorf("asked %d times for %v in %q", asked, points, m.Unit)
		}
	})
	t.Run("a name that no instrument may have is refused", func(t *testing.T) {
		t.Parallel()
		err := setup(t).telemetry.Gauge("no name", func(context.Context, func(float64, ...string)) error { return nil })
		if !errors.Is(err, engage.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	})
	t.Run("instruments are made once", func(t *testing.T) {
		t.Parallel()
		meters := &countingMeters{MeterProvider: sdkmetric.NewMeterProvider()}
		telemetry := otel.New(otel.Config{Meters: meters})
		for range 3 {
			telemetry.Count(ctx, "engage.host.count", 1)
			telemetry.Record(ctx, "engage.host.value", 1)
		}
		if meters.made != 2 {
			t.Errorf("%d instruments were made, want 2", meters.made)
		}
	})
}

// countingMeters counts the instruments that it makes.
type countingMeters struct {
	metric.MeterProvider
	made int
}

func (c *countingMeters) Meter(name string, options ...metric.MeterOption) metric.Meter {
	return countingMeter{c.MeterProvider.Meter(name, options...), c}
}

type countingMeter struct {
	metric.Meter
	provider *countingMeters
}

func (c countingMeter) Int64Counter(name string, options ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	c.provider.made++
	return c.Meter.Int64Counter(name, options...)
}

func (c countingMeter) Float64Histogram(name string, options ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	c.provider.made++
	return c.Meter.Float64Histogram(name, options...)
}

func TestTheWorkspaceIsNeverAnAttribute(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ws := engage.WorkspaceID{0: 1, 15: 9}
	keys := []string{"workspace", "Workspace_ID", "workspace.id", "ws", "tenant", "tenant_id", "innocent"}
	for _, key := range keys {
		b.telemetry.Count(t.Context(), "engage.host.count", 1, key, ws.String(), "kept", "yes")
		b.telemetry.Record(t.Context(), "engage.host.value", 1, key, ws.String(), "kept", "yes")
		_, end := b.telemetry.Span(t.Context(), "engage.host.span", key, ws.String(), "kept", "yes")
		end(nil)
	}
	b.telemetry.Count(t.Context(), "engage.host.count", 1, "kept", "yes", "workspace", "acme", "dangling")
	for name, m := range b.metrics(t) {
		var sets []attribute.Set
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			sets = append(sets, data.DataPoints[0].Attributes)
			if len(data.DataPoints) != 1 || data.DataPoints[0].Value != int64(len(keys)+1) {
				t.Errorf("%s has %d series", name, len(data.DataPoints))
			}
		case metricdata.Histogram[float64]:
			sets = append(sets, data.DataPoints[0].Attributes)
			if len(data.DataPoints) != 1 {
				t.Errorf("%s has %d series", name, len(data.DataPoints))
			}
		}
		for _, set := range sets {
			if kept, _ := set.Value("kept"); set.Len() != 1 || kept.AsString() != "yes" {
				t.Errorf("%s has the attributes %v", name, set.ToSlice())
			}
		}
	}
	for _, span := range b.spans.Ended() {
		if text := fmt.Sprint(span.Attributes()); len(span.Attributes()) != 1 || strings.Contains(text, ws.String()) {
			t.Errorf("a span has the attributes %s", text)
		}
	}
}

func TestSpans(t *testing.T) {
	t.Parallel()
	const remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	t.Run("continue the trace that the context carries", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, end := b.telemetry.Span(engage.WithTrace(t.Context(), remote), "engage.host.span")
		end(nil)
		span := b.spans.Ended()[0]
		if span.SpanContext().TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || span.Parent().SpanID().String() != "b7ad6b7169203331" {
			t.Errorf("the span is %v below %v", span.SpanContext(), span.Parent())
		}
		want := fmt.Sprintf("00-%s-%s-01", span.SpanContext().TraceID(), span.SpanContext().SpanID())
		if got := engage.TraceFrom(ctx); got != want {
			t.Errorf("events would carry %q, want %q", got, want)
		}
	})
	t.Run("stand below the context's own span rather than below an older trace", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		ctx, host := b.tracers.Tracer("host").Start(engage.WithTrace(t.Context(), remote), "request")
		_, end := b.telemetry.Span(ctx, "engage.host.span")
		end(nil)
		if got := b.spans.Ended()[0].Parent().SpanID(); got != host.SpanContext().SpanID() {
			t.Errorf("the parent is %v", got)
		}
	})
	t.Run("fail with a code and without the error's text", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, end := b.telemetry.Span(t.Context(), "engage.host.span")
		end(fmt.Errorf("ada@example.com: %w", engage.ErrConflict))
		span := b.spans.Ended()[0]
		if span.Status().Code != codes.Error || span.Status().Description != "conflict" || !slices.Contains(span.Attributes(), attribute.String("error.type", "conflict")) {
			t.Errorf("the status is %v, the attributes %v", span.Status(), span.Attributes())
		}
		if text := fmt.Sprint(span.Status(), span.Attributes(), span.Events()); strings.Contains(text, "ada@") {
			t.Errorf("the span says %s", text)
		}
	})
	t.Run("link to what is given, and pass over what is no trace", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, end := b.telemetry.Span(t.Context(), "engage.host.span", otel.LinkAttribute, remote, otel.LinkAttribute, "00-zz-01", "n", "1")
		end(nil)
		span := b.spans.Ended()[0]
		if links := span.Links(); len(links) != 1 || links[0].SpanContext.SpanID().String() != "b7ad6b7169203331" || len(span.Attributes()) != 1 {
			t.Errorf("the links are %v, the attributes %v", span.Links(), span.Attributes())
		}
	})
	t.Run("are none without a provider, and the trace goes on", func(t *testing.T) {
		t.Parallel()
		telemetry := otel.New(otel.Config{})
		ctx, end := telemetry.Span(engage.WithTrace(t.Context(), remote), "engage.host.span")
		end(nil)
		telemetry.Count(ctx, "engage.host.count", 1)
		telemetry.Record(ctx, "engage.host.value", 1)
		if got := engage.TraceFrom(ctx); got != remote {
			t.Errorf("events would carry %q", got)
		}
		if got := engage.TraceFrom(otel.Trace(t.Context())); got != "" {
			t.Errorf("a context without a span carries %q", got)
		}
	})
}

type ordered struct{ N int }

func (ordered) EventName() string        { return "shop.order.placed.v1" }
func (ordered) EventSubject() engage.Ref { return engage.Ref{} }

func TestAConsumersSpanLinksToTheTracesOfItsEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	store := memory.New(memory.Config{})
	var carried []string
	failure := errors.New("not yet")
	consumer := engage.NewConsumer("mailer")
	engage.On(consumer, func(ctx context.Context, _ engage.WorkspaceID, events []engage.Received[ordered]) error {
		carried = append(carried, engage.TraceFrom(ctx))
		if len(carried) == 1 {
			return failure
		}
		return nil
	})
	consumers, err := watermillbus.NewConsumers(watermillbus.Config{Tx: store, Log: store, Telemetry: b.telemetry}, consumer)
	if err != nil {
		t.Fatal(err)
	}
	ws := engage.WorkspaceID{15: 1}
	var published []trace.SpanContext
	for i := range 3 {
		ctx, span := b.tracers.Tracer("host").Start(t.Context(), "request")
		ctx = otel.Trace(ctx)
		if err := store.InTx(ctx, ws, func(ctx context.Context) error { return store.Publish(ctx, ws, ordered{i}, ordered{i}) }); err != nil {
			t.Fatal(err)
		}
		span.End()
		published = append(published, span.SpanContext())
	}
	for {
		n, err := consumers.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	var handled []sdktrace.ReadOnlySpan
	for _, span := range b.spans.Ended() {
		if span.Name() == "engage.watermillbus.handle" {
			handled = append(handled, span)
		}
	}
	if len(handled) < 2 || len(handled) != len(carried) || handled[0].Status().Code != codes.Error {
		t.Fatalf("%d spans for %d calls", len(handled), len(carried))
	}
	last := handled[len(handled)-1]
	if last.Parent().IsValid() {
		t.Error("a consumer's span stands below one of its events")
	}
	linked := map[trace.SpanID]int{}
	for _, span := range handled {
		for _, link := range span.Links() {
			linked[link.SpanContext.SpanID()]++
		}
	}
	for _, p := range published {
		if linked[p.SpanID()] == 0 {
			t.Errorf("no span links to %v", p.SpanID())
		}
	}
	if !strings.Contains(carried[len(carried)-1], last.SpanContext().SpanID().String()) {
		t.Errorf("the handler's events would carry %q", carried[len(carried)-1])
	}
}

// TestTheDocumentListsWhatTheSuiteEmits reads the names that the code passes to
// a Telemetry.
func TestTheDocumentListsWhatTheSuiteEmits(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := os.ReadFile("instruments.go")
	if err != nil {
		t.Fatal(err)
	}
	emitted := 0
	err = filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, name := range emits(t, path) {
			emitted++
			if !bytes.Contains(document, []byte(name+" ")) || !bytes.Contains(listed, []byte(`"`+name+`"`)) {
				t.Errorf("%s emits %s, which doc.go or instruments.go does not list", path, name)
			}
		}
		return nil
	})
	if err != nil || emitted == 0 {
		t.Errorf("found %d names, %v", emitted, err)
	}
}

// emits are the names in calls of Count and Record in a file.
func emits(t *testing.T, path string) []string {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		name, isName := call.Args[1].(*ast.BasicLit)
		if ok && isName && (method.Sel.Name == "Count" || method.Sel.Name == "Record") && strings.HasPrefix(name.Value, `"engage.`) {
			names = append(names, strings.Trim(name.Value, `"`))
		}
		return true
	})
	return names
}
