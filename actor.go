package engage

import "context"

// Actor is who does something: a user, an API key, a contact, or the system
// itself, which is the zero Actor.
type Actor struct {
	Type string `json:"type,omitzero"` // "user", "api_key", "contact", "automation"; "": the system
	ID   string `json:"id,omitzero"`
}

// String is "type:id", or "system".
func (a Actor) String() string {
	if a == (Actor{}) {
		return "system"
	}
	return a.Type + ":" + a.ID
}

type (
	actorKey  struct{}
	traceKey  struct{}
	localeKey struct{}
)

// WithActor notes in ctx who acts. Edges call it after they have authorised the
// caller; services record it.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom is the actor in ctx; none is the system.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// WithTrace notes a W3C traceparent in ctx; published events carry it.
func WithTrace(ctx context.Context, traceparent string) context.Context {
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// TraceFrom is the traceparent in ctx, or "".
func TraceFrom(ctx context.Context) string {
	t, _ := ctx.Value(traceKey{}).(string)
	return t
}

// WithLocale notes in ctx the BCP 47 tag in which people are spoken to.
func WithLocale(ctx context.Context, locale string) context.Context {
	return context.WithValue(ctx, localeKey{}, locale)
}

// LocaleFrom is the locale in ctx, or "".
func LocaleFrom(ctx context.Context) string {
	l, _ := ctx.Value(localeKey{}).(string)
	return l
}
