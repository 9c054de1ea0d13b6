package engage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-engage/engage"
)

func TestASecret(t *testing.T) {
	t.Parallel()
	secret := engage.NewSecret(canary)
	type config struct {
		Name  string
		Token engage.Secret
		Next  *config
	}
	holder := config{Name: "smtp", Token: secret, Next: &config{Token: secret}}
	type closed struct{ token engage.Secret } // fmt can't ask its field how it prints
	hidden := closed{token: secret}
	t.Run("is never printed", func(t *testing.T) {
		t.Parallel()
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10.3s", "%!"} {
			for _, value := range []any{secret, &secret, holder, &holder, hidden, &hidden, []closed{hidden}, []engage.Secret{secret}, map[string]engage.Secret{"k": secret}, map[engage.Secret]int{secret: 1}} {
				args := []any{value, value}[:strings.Count(verb, "%")]
				if out := fmt.Sprintf(verb, args...); leaks(out) {
					t.Errorf("%s of %T: %s", verb, value, out)
				}
			}
		}
		for _, out := range []string{fmt.Sprint(secret, holder), fmt.Sprintln(&holder), secret.String(), fmt.Errorf("login: %w", &engage.Error{Code: engage.Internal, Err: fmt.Errorf("bad key %v", secret)}).Error()} {
			if leaks(out) {
				t.Error(out)
			}
		}
	})
	t.Run("is never logged", func(t *testing.T) {
		t.Parallel()
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var out bytes.Buffer
			log := slog.New(handler(&out)).With("with", secret, "holder", holder)
			log.WithGroup("g").Info("m", "token", secret, "pointer", &secret, "config", holder, "all", []engage.Secret{secret}, slog.Group("in", "token", secret),
				"hidden", hidden, "err", &engage.Error{Code: engage.Internal, Err: fmt.Errorf("bad key %q", secret)})
			if leaks(out.String()) || !strings.Contains(out.String(), "***") {
				t.Error(out.String())
			}
		}
	})
	t.Run("is written into no document, and read from one", func(t *testing.T) {
		t.Parallel()
		doc, err := json.Marshal(map[string]any{"a": secret, "b": &secret, "c": holder, "d": map[engage.Secret]int{secret: 1}})
		if err != nil || leaks(string(doc)) {
			t.Errorf("%s, %v", doc, err)
		}
		var read config
		if err := json.Unmarshal([]byte(`{"Token":"`+canary+`"}`), &read); err != nil || read.Token.Reveal() != canary {
			t.Errorf("%v", err)
		}
	})
	t.Run("is revealed where it is used", func(t *testing.T) {
		t.Parallel()
		if secret.Reveal() != canary || secret.IsZero() || !(engage.Secret{}).IsZero() || (engage.Secret{}).Reveal() != "" {
			t.Error("not what went in")
		}
	})
	t.Run("is not in the error of a value that did not parse", func(t *testing.T) {
		t.Parallel()
		var read config
		err := json.Unmarshal([]byte(`{"Token":["`+canary+`"]}`), &read)
		if err == nil || leaks(err.Error()) {
			t.Error(errors.Join(errors.New("canary"), err))
		}
	})
}

const canary = "hunter2-canary"

// leaks reports whether a text holds the canary, in any spelling that fmt has.
func leaks(out string) bool {
	lower := strings.ToLower(out)
	return strings.Contains(lower, canary) || strings.Contains(lower, canary[:6]) || strings.Contains(lower, fmt.Sprintf("%x", canary)) ||
		strings.Contains(out, strings.Trim(fmt.Sprintf("%d", []rune(canary)), "[]"))
}

func TestAContextCarries(t *testing.T) {
	t.Parallel()
	t.Run("who acts, the trace and the locale, and nothing by default", func(t *testing.T) {
		t.Parallel()
		ctx := t.Context()
		if engage.ActorFrom(ctx) != (engage.Actor{}) || engage.ActorFrom(ctx).String() != "system" || engage.TraceFrom(ctx) != "" || engage.LocaleFrom(ctx) != "" {
			t.Error("an empty ctx says something")
		}
		ada := engage.Actor{Type: "user", ID: "ada"}
		ctx = engage.WithLocale(engage.WithTrace(engage.WithActor(ctx, ada), "00-a-b-01"), "de-CH")
		if engage.ActorFrom(ctx) != ada || ada.String() != "user:ada" || engage.TraceFrom(ctx) != "00-a-b-01" || engage.LocaleFrom(ctx) != "de-CH" {
			t.Error("not what went in")
		}
	})
}
