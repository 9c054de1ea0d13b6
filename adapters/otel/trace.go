package otel

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/go-engage/engage"
)

// LinkAttribute is the key of Span's attributes whose values are traceparents of
// what led to the span; they become links.
const LinkAttribute = "link"

// maxLinks is the number of links that the SDK keeps of a span.
const maxLinks = 128

// Trace notes the context's span as the trace that published events carry.
// Without a span the context stays as it is.
func Trace(ctx context.Context) context.Context {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	if carrier["traceparent"] == "" {
		return ctx
	}
	return engage.WithTrace(ctx, carrier["traceparent"])
}

// On is engage.On with a span around each call of fn, named
// "engage.consumer.handle", that links to the traces of the call's events.
func On[E engage.Event](t engage.Telemetry, c *engage.Consumer, fn func(ctx context.Context, ws engage.WorkspaceID, events []engage.Received[E]) error) {
	engage.On(c, func(ctx context.Context, ws engage.WorkspaceID, events []engage.Received[E]) (err error) {
		attrs := []string{"consumer", c.Name(), "event", events[0].Name}
		var seen []string
		for i := range events {
			if traceparent := events[i].Trace; traceparent != "" && len(seen) < maxLinks && !slices.Contains(seen, traceparent) {
				seen = append(seen, traceparent)
				attrs = append(attrs, LinkAttribute, traceparent)
			}
		}
		ctx, end := t.Span(ctx, "engage.consumer.handle", attrs...)
		defer func() { end(err) }()
		return fn(ctx, ws, events)
	})
}

// parse reads a traceparent; one that is not valid is the zero span context.
func parse(traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": traceparent})
	return trace.SpanContextFromContext(ctx)
}

// links are the traceparents among Span's attributes.
func links(attrs []string) []trace.Link {
	var found []trace.Link
	for i := 0; i+1 < len(attrs) && len(found) < maxLinks; i += 2 {
		if attrs[i] != LinkAttribute {
			continue
		}
		if linked := parse(attrs[i+1]); linked.IsValid() {
			found = append(found, trace.Link{SpanContext: linked})
		}
	}
	return found
}
