package otel

import (
	"context"

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
