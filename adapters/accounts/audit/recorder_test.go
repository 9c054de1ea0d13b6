package audit_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/audit"
)

func TestOperatorsCommandsAreRecorded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, event string
		actor       engage.Actor
		cfg         audit.Config
		want        bool
	}{
		{"a user", "contacts.tag.changed.v1", user, audit.Config{}, true},
		{"an API key", "contacts.tag.changed.v1", engage.Actor{Type: "api_key", ID: "k"}, audit.Config{}, true},
		{"a contact", "contacts.tag.changed.v1", engage.Actor{Type: "contact", ID: "c"}, audit.Config{}, false},
		{"a workflow", "contacts.tag.changed.v1", engage.Actor{Type: "automation", ID: "w"}, audit.Config{}, false},
		{"nobody", "contacts.tag.changed.v1", engage.Actor{}, audit.Config{}, false},
		{"nobody, in accounts", "accounts.user.changed.v1", engage.Actor{}, audit.Config{}, true},
		{"a contact, in sealing", "sealing.keys.erased.v1", engage.Actor{Type: "contact", ID: "c"}, audit.Config{}, true},
		{"nobody, in a room named alike", "accountsx.user.changed.v1", engage.Actor{}, audit.Config{}, false},
		{"an API key that takes in", "contacts.event.recorded.v1", engage.Actor{Type: "api_key", ID: "k"}, audit.Config{}, false},
		{"a user who takes in", "contacts.event.recorded.v1", user, audit.Config{}, true},
		{"a user, where users are not", "contacts.tag.changed.v1", user, audit.Config{Actors: []string{"api_key"}}, false},
		{"nobody, where no room is", "accounts.user.changed.v1", engage.Actor{}, audit.Config{Rooms: []string{}}, false},
		{"an API key, where nothing is taken in", "contacts.event.recorded.v1", engage.Actor{Type: "api_key", ID: "k"}, audit.Config{Ingest: []string{}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.cfg)
			b.publish(t, c.actor, c.event)
			entries := b.entries(t)
			same(t, "recorded", len(entries) == 1, c.want)
			same(t, "published", len(b.tap.commands()), 1)
			if c.want {
				same(t, "actor", entries[0].Actor, c.actor)
				same(t, "name", entries[0].Name, c.event)
			}
		})
	}
}

func TestAnEntrySaysWhoDidWhatAndWhen(t *testing.T) {
	t.Parallel()
	b := setup(t, audit.Config{})
	subject := engage.Ref{Type: "tag", ID: b.ids.NewID()}
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ctx := engage.WithTrace(engage.WithActor(t.Context(), user), trace)
	no(t, b.store.InTx(ctx, b.ws, func(ctx context.Context) error {
		return b.recorder.Publish(ctx, b.ws, did{"contacts.tag.changed.v1", subject, `{"to":"<VIP> & more","from":null,"n":1.50}`})
	}))
	e := b.entries(t)[0]
	want := audit.Entry{
		ID: e.ID, Salt: e.Salt, At: start, Actor: user, Name: "contacts.tag.changed.v1", Subject: subject, Trace: trace,
		Data: `{"from":null,"n":1.50,"to":"<VIP> & more"}`,
	}
	same(t, "entry", e, want)
	for name, trace := range map[string]string{"long": strings.Repeat("t", 256), "with NUL": "a\x00b", "not UTF-8": "\xff"} {
		b.clock.Advance(1000)
		no(t, b.store.InTx(engage.WithTrace(ctx, trace), b.ws, func(ctx context.Context) error {
			return b.recorder.Publish(ctx, b.ws, did{name: "x", payload: "{}"})
		}))
		same(t, "a trace "+name, b.entries(t)[0].Trace, "")
	}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"password":"canary"}`:                                             `{"password":"***"}`,
		`{"smtp":{"userName":"ana","passWord":"canary"}}`:                   `{"smtp":{"passWord":"***","userName":"ana"}}`,
		`{"from":{"api-key":"canary"},"to":{"API_KEY":["canary"]}}`:         `{"from":{"api-key":"***"},"to":{"API_KEY":"***"}}`,
		`[{"access_token":{"raw":"canary"}},{"tokens":3}]`:                  `[{"access_token":"***"},{"tokens":"***"}]`,
		`{"secret":null,"key_id":"dky_1","hash":""}`:                        `{"hash":"***","key_id":"dky_1","secret":null}`,
		`{"changes":[{"key":"reset_token","from":"canary","to":"canary"}]}`: `{"changes":[{"from":"***","key":"reset_token","to":"***"}]}`,
		`{"name":"Secret sale","change":"updated"}`:                         `{"change":"updated","name":"Secret sale"}`,
		`{"pin":"canary"}`: `{"pin":"***"}`,
		`{"big":12345678901234567890,"decimal":1.50,"exponent":1e400,"t":"é"}`: `{"big":12345678901234567890,"decimal":1.50,"exponent":1e400,"t":"é"}`,
		`"text"`: `"text"`,
	} {
		b := setup(t, audit.Config{Secrets: []string{"P-I-N"}})
		no(t, b.store.InTx(engage.WithActor(t.Context(), user), b.ws, func(ctx context.Context) error {
			return b.recorder.Publish(ctx, b.ws, did{name: "x", payload: payload})
		}))
		same(t, payload, b.entries(t)[0].Data, want)
	}
}

func TestAChangeAndItsEntriesAreOne(t *testing.T) {
	t.Parallel()
	b := setup(t, audit.Config{})
	ctx, undo := engage.WithActor(t.Context(), user), errors.New("undo")
	err := b.store.InTx(ctx, b.ws, func(ctx context.Context) error {
		no(t, b.recorder.Publish(ctx, b.ws, did{name: "x", payload: "{}"}))
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	no(t, b.store.InTx(ctx, b.ws, func(ctx context.Context) error { // a nested call that fails and is swallowed
		err := b.store.InTx(ctx, b.ws, func(ctx context.Context) error {
			no(t, b.recorder.Publish(ctx, b.ws, did{name: "x", payload: "{}"}))
			return undo
		})
		if !errors.Is(err, undo) {
			t.Error(err)
		}
		return nil
	}))
	b.drain(t)
	same(t, "entries", len(b.entries(t)), 0)
	same(t, "head", b.verify(t).Head, audit.Head{})

	code(t, b.recorder.Publish(ctx, b.ws, did{name: "x", payload: "{}"}), engage.FailedPrecondition)
	b.tap.seen = nil
	no(t, b.store.InTx(ctx, b.ws, func(ctx context.Context) error {
		for _, bad := range []engage.Event{did{name: "x", payload: "{"}, did{name: "x", payload: `"` + strings.Repeat("x", engage.MaxEventBytes) + `"`}} {
			code(t, b.recorder.Publish(ctx, b.ws, did{name: "x", payload: "{}"}, bad), engage.Invalid)
		}
		return nil // which commits, although the calls failed
	}))
	same(t, "published", len(b.tap.seen), 0)
	same(t, "entries of refused events", len(b.entries(t)), 0)
}

func TestABatchIsOneCall(t *testing.T) {
	t.Parallel()
	b := setup(t, audit.Config{})
	names := make([]string, 2500)
	for i := range names {
		names[i] = "contacts.tag.assigned.v1"
	}
	b.publish(t, user, names...)
	same(t, "entries", len(b.entries(t)), 2500)
	same(t, "events of the recorder", len(b.tap.seen)-len(b.tap.commands()), 3) // a thousand a call of the port
	b.drain(t)
	report := b.verify(t)
	if report.Entries != 2500 || report.Fault != nil || report.Waiting != 0 {
		t.Errorf("report %+v", report)
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Parallel()
	_, err := audit.NewRecorder(audit.RecorderDeps{}, audit.Config{})
	same(t, "faults of a recorder", len(engage.FieldsOf(err)), 2)
	_, err = audit.New(audit.Deps{}, audit.Config{})
	same(t, "faults of a service", len(engage.FieldsOf(err)), 3)
}
