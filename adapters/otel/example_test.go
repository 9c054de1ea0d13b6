package otel_test

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/otel"
)

// A host makes the SDK's providers as it does for the rest of its program.
func Example() {
	reader := sdkmetric.NewManualReader() // an exporter's reader, in a program
	telemetry := otel.New(otel.Config{
		Meters:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		Tracers: sdktrace.NewTracerProvider(),
	})

	ctx, end := telemetry.Span(context.Background(), "engage.shop.checkout")
	telemetry.Count(ctx, "engage.watermillbus.consumed", 3, "consumer", "segments")
	fmt.Println("events carry a trace:", engage.TraceFrom(ctx) != "")
	end(nil)

	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		fmt.Println(m.Name, m.Data.(metricdata.Sum[int64]).DataPoints[0].Value, m.Unit)
	}
	// Output:
	// events carry a trace: true
	// engage.watermillbus.consumed 3 {event}
}
