package canary

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"text/template"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memapikeys"
	"github.com/go-engage/engage/adapters/memory/memsealing"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/adapters/smtpmail"
	"github.com/go-engage/engage/adapters/stack"
)

// holder has a secret wherever a struct can have one.
type holder struct {
	Public  engage.Secret `json:"public"`
	private engage.Secret
	Pointer *engage.Secret           `json:"pointer"`
	List    []engage.Secret          `json:"list"`
	Map     map[string]engage.Secret `json:"map" xml:"-"`
	Any     any                      `json:"any" xml:"-"`
	Inner   struct {
		Secret engage.Secret `json:"secret"`
		hidden engage.Secret
	} `json:"inner"`
}

func hold(c canary) holder {
	s := engage.NewSecret(c.text)
	h := holder{Public: s, private: s, Pointer: &s, List: []engage.Secret{s, s}, Map: map[string]engage.Secret{"k": s}, Any: s}
	h.Inner.Secret, h.Inner.hidden = s, s
	return h
}

// EventName implements engage.Event.
func (holder) EventName() string { return "accounts.secret.changed.v1" }

// EventSubject implements engage.Event.
func (holder) EventSubject() engage.Ref { return engage.Ref{} }

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%T", "%p", "%t", "%08.3f", "%U", "%c", "%10s"}

// TestNothingPrintsASecret prints, logs and encodes each canary in every way that
// the standard library has.
func TestNothingPrintsASecret(t *testing.T) {
	t.Parallel()
	canaries := newCanaries()
	var out bytes.Buffer
	text, jsonLog := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	for _, c := range canaries {
		secret, h := engage.NewSecret(c.text), hold(c)
		for _, value := range []any{
			secret, &secret, h, &h,
			[]any{secret, h},
			map[string]any{"a": secret, "b": h},
			map[engage.Secret]int{secret: 1},
			fmt.Errorf("sign in with %v: %w", secret, errors.ErrUnsupported),
			&engage.Error{
				Code: engage.Invalid, Op: "smtpmail.New", Entity: fmt.Sprint("sender ", secret), Err: fmt.Errorf("%w: %s", context.Canceled, secret),
				Fields: []engage.FieldError{{Path: "password", Code: "invalid", Message: fmt.Sprintf("%s is wrong", secret)}},
			},
			engage.PanicError("host", secret), &engage.PartialError{Done: 1, Err: engage.PanicError("host", h)},
		} {
			for _, verb := range verbs {
				fmt.Fprintf(&out, verb+"\n", value)
			}
			fmt.Fprintln(&out, value)
			fmt.Fprint(&out, errors.Join(fmt.Errorf("%v", value)))
			for _, log := range []*slog.Logger{text, jsonLog, text.With("with", value), jsonLog.WithGroup("group").With("with", value)} {
				log.Info(fmt.Sprint("message ", value), "any", value, slog.Group("g", "inner", value), slog.Any("list", []any{value}))
			}
			if data, err := json.Marshal(value); err == nil { // a map with secrets for keys has no JSON
				out.Write(data)
			}
		}
		for _, encode := range []func() error{
			func() error { return json.NewEncoder(&out).Encode(h) },
			func() error { return xml.NewEncoder(&out).Encode(secret) },
			func() error { return xml.NewEncoder(&out).Encode(h) },
			func() error { return gob.NewEncoder(&out).Encode(h) }, // which refuses, because nothing is exported
			func() error {
				return template.Must(template.New("").Parse("{{.Public}} {{.List}} {{.Map}} {{printf `%#v` .}} {{.Inner}} {{.}}")).Execute(&out, h)
			},
		} {
			fmt.Fprintln(&out, encode())
		}
		fmt.Fprintf(&out, "%+v %#v", smtpmail.Config{Addr: "mail.acme.test:465", Username: "ana", Password: secret}, smtpmail.Config{Password: secret})
	}
	if out.Len() < 100_000 {
		t.Fatalf("only %d bytes came out", out.Len())
	}
	if hits := find(canaries, out.Bytes()); len(hits) > 0 {
		t.Errorf("%d hits: %.2000q", len(hits), hits)
	}
}

// TestNoErrorHoldsASecret gives each canary to what takes secrets, where it is
// wrong.
func TestNoErrorHoldsASecret(t *testing.T) {
	t.Parallel()
	ctx, canaries := t.Context(), newCanaries()
	store := memory.New(memory.Config{})
	var log bytes.Buffer
	rt := engage.Runtime{Tx: store, Events: store, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	verifierKeys := memapikeys.NewKeys(store)
	verifier, err := apikeys.New(apikeys.Deps{Runtime: rt, Keys: verifierKeys, Across: verifierKeys}, apikeys.Config{})
	no(t, err)
	var out bytes.Buffer
	for _, c := range canaries {
		secret := engage.NewSecret(c.text)
		static, staticErr := sealing.NewStaticKeys(secret, secret)
		_, verifyErr := verifier.VerifyKey(ctx, secret)
		_, pgErr := stack.Postgres(ctx, c.text, stack.Config{})
		_, mariaErr := stack.MariaDB(ctx, c.text, stack.Config{})
		_, smtpErr := smtpmail.New(smtpmail.Config{Addr: "mail.acme.test", Username: "ana", Password: secret})
		sealer := newSealer(t, store, rt)
		_, openErr := sealer.Open(ctx, engage.WorkspaceID{1}, "senders.password:1", []byte(c.text))
		for _, err := range []error{staticErr, verifyErr, pgErr, mariaErr, smtpErr, openErr} {
			for _, verb := range verbs {
				fmt.Fprintf(&out, verb+"\n", err)
			}
			fields, jsonErr := json.Marshal(engage.FieldsOf(err))
			no(t, jsonErr)
			out.Write(fields)
		}
		if staticErr == nil || verifyErr == nil || openErr == nil {
			t.Errorf("%s: taken as a key: %v %v %v %v", c.name, static, staticErr, verifyErr, openErr)
		}
	}
	out.Write(log.Bytes())
	if hits := find(canaries, out.Bytes()); len(hits) > 0 {
		t.Errorf("%d hits: %.2000q", len(hits), hits)
	}
}

// newSealer is a sealing service over a store in memory.
func newSealer(t *testing.T, store *memory.Store, rt engage.Runtime) *sealing.Service {
	t.Helper()
	keys := memsealing.NewKeys(store)
	provider, err := sealing.NewStaticKeys(sealing.NewKey())
	no(t, err)
	s, err := sealing.New(sealing.Deps{Runtime: rt, Keys: keys, Across: keys, Provider: provider, Leases: store.Leases()}, sealing.Config{})
	no(t, err)
	return s
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}
