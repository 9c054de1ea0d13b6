package apikeys_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
	"github.com/go-engage/engage/internal/goldens"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	id := apikeys.ID{1}
	from := apikeys.Details{Name: "Shop <1>", Kind: apikeys.WriteKey, Permissions: []string{"a"}, Origins: []string{"https://shop.example"}, ExpiresAt: start}
	to := from
	to.Name, to.Kind = "Deploy", apikeys.SecretKey
	goldens.Events(t, *update,
		apikeys.Created{KeyID: id, Details: from},
		apikeys.Updated{KeyID: id, From: from, To: to},
		apikeys.Rotated{KeyID: id, Name: "Shop", FormerUntil: start},
		apikeys.Revoked{KeyID: id, Name: "Shop"},
		apikeys.Deleted{KeyID: id, Details: from},
	)
}

func TestEachChangeIsToldOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, _ := b.create(apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey, Origins: []string{"https://a.test"}})
	b.tells(`accounts.key.created.v1 {"key_id":"key_*","details":{"name":"Shop","kind":"write","origins":["https://a.test"]}}`)

	renamed, err := b.service.Rename(b.ctx, b.ws, key.ID, "Web shop")
	b.no(err)
	b.same(renamed.Name, "Web shop")
	b.same(renamed.Version, engage.Version(2))
	b.tells(`accounts.key.updated.v1 {"key_id":"key_*","from":{"name":"Shop","kind":"write","origins":["https://a.test"]},"to":{"name":"Web shop","kind":"write","origins":["https://a.test"]}}`)
	_, err = b.service.Rename(b.ctx, b.ws, key.ID, "Web shop")
	b.no(err)
	b.tells() // nothing changed

	b.clock.Advance(time.Second)
	_, err = b.service.Update(b.ctx, b.ws, key.ID, func(k *apikeys.Key) error {
		k.Origins, k.ExpiresAt = nil, start.Add(time.Hour+1) // a nanosecond is cut
		k.ID, k.Kind, k.RevokedAt, k.CreatedBy, k.Version = apikeys.ID{9}, apikeys.SecretKey, start, engage.Actor{}, 9
		return nil
	})
	b.no(err)
	b.tells(`accounts.key.updated.v1 *"to":{"name":"Web shop","kind":"write","expires_at":"2026-03-01T13:00:00.123456Z"}}`)

	_, _, err = b.service.Rotate(b.ctx, b.ws, key.ID, 0)
	b.no(err)
	b.tells(`accounts.key.rotated.v1 {"key_id":"key_*","name":"Web shop"}`)
	_, _, err = b.service.Rotate(b.ctx, b.ws, key.ID, apikeys.MaxOverlap)
	b.no(err)
	b.tells(`accounts.key.rotated.v1 {"key_id":"key_*","name":"Web shop","former_until":"2026-03-31T12:00:01.123456Z"}`)

	_, err = b.service.Revoke(b.ctx, b.ws, key.ID)
	b.no(err)
	b.tells(`accounts.key.revoked.v1 {"key_id":"key_*","name":"Web shop"}`)
	_, err = b.service.Revoke(b.ctx, b.ws, key.ID)
	b.no(err)
	b.tells()

	got, err := b.service.Get(b.ctx, b.ws, key.ID)
	b.no(err)
	actor := engage.Actor{Type: "user", ID: "usr_1"}
	now := start.Add(time.Second)
	b.same(got, apikeys.Key{
		ID: key.ID, Name: "Web shop", Kind: apikeys.WriteKey, ExpiresAt: start.Add(time.Hour), RotatedAt: now, RevokedAt: now,
		CreatedAt: start, UpdatedAt: now, CreatedBy: actor, UpdatedBy: actor, Version: 6,
	})
	b.no(b.service.Delete(b.ctx, b.ws, key.ID))
	b.tells(`accounts.key.deleted.v1 {"key_id":"key_*","details":{"name":"Web shop","kind":"write","expires_at":"*"}}`)
	_, err = b.service.Get(b.ctx, b.ws, key.ID)
	b.code(err, engage.NotFound)
}

func TestAKeyWhoseLifeIsOverDoesNotComeBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	revoked, _ := b.secretKey("a")
	_, err := b.service.Revoke(b.ctx, b.ws, revoked.ID)
	b.no(err)
	expired, _ := b.create(apikeys.NewKey{Name: "x", Kind: apikeys.SecretKey, Permissions: []string{"a"}, ExpiresAt: start.Add(time.Second)})
	active, _ := b.secretKey("a")
	b.clock.Advance(time.Second)
	for _, id := range []apikeys.ID{revoked.ID, expired.ID} {
		_, err := b.service.Update(b.ctx, b.ws, id, func(k *apikeys.Key) error { k.ExpiresAt = time.Time{}; return nil })
		b.code(err, engage.FailedPrecondition)
		_, _, err = b.service.Rotate(b.ctx, b.ws, id, 0)
		b.code(err, engage.FailedPrecondition)
	}
	b.code(b.service.Delete(b.ctx, b.ws, active.ID), engage.FailedPrecondition)
	_, err = b.service.Revoke(b.ctx, b.ws, expired.ID)
	b.no(err)
	b.no(b.service.Delete(b.ctx, b.ws, revoked.ID))
	for state, id := range map[apikeys.State]apikeys.ID{apikeys.StateActive: active.ID, apikeys.StateRevoked: expired.ID} {
		key, err := b.service.Get(b.ctx, b.ws, id)
		b.no(err)
		b.same(key.StateAt(b.clock.Now()), state)
	}
}

func TestEveryFaultOfAKeyIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	long := strings.Repeat("x", 300)
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprintf("p.x%d", i)
	}
	for name, c := range map[string]struct {
		params apikeys.NewKey
		paths  []string
	}{
		"nothing":                {apikeys.NewKey{}, []string{"name", "kind"}},
		"another kind":           {apikeys.NewKey{Name: "x", Kind: "admin"}, []string{"kind"}},
		"a name too long":        {apikeys.NewKey{Name: long, Kind: apikeys.WriteKey}, []string{"name"}},
		"a name with a newline":  {apikeys.NewKey{Name: "a\nb", Kind: apikeys.WriteKey}, []string{"name"}},
		"a name that is no text": {apikeys.NewKey{Name: "\xff", Kind: apikeys.WriteKey}, []string{"name"}},
		"expired already":        {apikeys.NewKey{Name: "x", Kind: apikeys.WriteKey, ExpiresAt: start}, []string{"expires_at"}},
		"no permission":          {apikeys.NewKey{Name: "x", Kind: apikeys.SecretKey}, []string{"permissions"}},
		"origins of a secret":    {apikeys.NewKey{Name: "x", Kind: apikeys.SecretKey, Permissions: []string{"a"}, Origins: []string{"https://a.test"}}, []string{"origins"}},
		"too many permissions":   {apikeys.NewKey{Name: "x", Kind: apikeys.SecretKey, Permissions: many}, []string{"permissions"}},
		"too many origins":       {apikeys.NewKey{Name: "x", Kind: apikeys.WriteKey, Origins: many}, []string{"origins"}},
		"permissions that are none": {
			apikeys.NewKey{Name: "x", Kind: apikeys.SecretKey, Permissions: []string{"ok", "", "*", "a.", ".a", "a..b", "A", "a b", "a'b", "a\x00", "ä", long}},
			[]string{"permissions[1]", "permissions[2]", "permissions[3]", "permissions[4]", "permissions[5]", "permissions[6]", "permissions[7]", "permissions[8]", "permissions[9]", "permissions[10]", "permissions[11]"},
		},
		"origins that are none": {
			apikeys.NewKey{Name: "x", Kind: apikeys.WriteKey, Origins: []string{
				"https://ok.test", "", "*", "null", "shop.example", "//shop.example", "https://", "https:shop.example", "ftp://shop.example", "https://*.shop.example",
				"https://shop.example/", "https://a:b@shop.example", "https://shop.example:0443", "https://shop.example:99999", "https://shop example", "javascript:alert(1)", "https://" + long,
			}},
			[]string{"origins[1]", "origins[2]", "origins[3]", "origins[4]", "origins[5]", "origins[6]", "origins[7]", "origins[8]", "origins[9]", "origins[10]", "origins[11]", "origins[12]", "origins[13]", "origins[14]", "origins[15]", "origins[16]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, text, err := b.service.Create(b.ctx, b.ws, c.params)
			b.code(err, engage.Invalid, c.paths...)
			if !text.IsZero() {
				t.Error("there is a text")
			}
		})
	}
	key, _ := b.secretKey("a")
	for _, overlap := range []time.Duration{-1, apikeys.MaxOverlap + 1} {
		_, _, err := b.service.Rotate(b.ctx, b.ws, key.ID, overlap)
		b.code(err, engage.Invalid, "overlap")
	}
	_, err := b.service.Rename(b.ctx, b.ws, key.ID, "")
	b.code(err, engage.Invalid, "name")
	stop := errors.New("stop")
	if _, err := b.service.Update(b.ctx, b.ws, key.ID, func(*apikeys.Key) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("want the caller's error, got %v", err)
	}
	b.tells("accounts.key.created.v1 *")

	strict := b.another(apikeys.Config{Permissions: []string{"contacts.read"}})
	_, _, err = strict.Create(b.ctx, b.ws, apikeys.NewKey{Name: "x", Kind: apikeys.SecretKey, Permissions: []string{"contacts.read", "contacts.write"}})
	b.code(err, engage.Invalid, "permissions[1]")

	_, err = apikeys.New(apikeys.Deps{}, apikeys.Config{Permissions: []string{"*"}})
	b.code(err, engage.Invalid, "runtime.tx", "runtime.events", "keys", "across", "permissions[0]")
}

// Of a key's text nothing is left anywhere but with who made it.
func TestNoTextOfAKeyIsKeptLoggedOrTold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, first := b.create(apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey, Origins: []string{"https://a.test"}})
	_, second, err := b.service.Rotate(b.ctx, b.ws, key.ID, time.Hour)
	b.no(err)
	var seen bytes.Buffer
	note := func(anything ...any) {
		for _, v := range anything {
			data, _ := json.Marshal(v)
			fmt.Fprintf(&seen, "%v %+v %#v %s\n", v, v, v, data)
		}
	}
	for _, text := range []engage.Secret{first, second} {
		grant, err := b.service.VerifyKey(b.ctx, text)
		note(grant, err, text)
		b.deps.Runtime.Log.Info("verified", "key", text, "grant", grant)
		for _, bad := range []string{text.Reveal() + "0", text.Reveal()[1:], strings.Replace(text.Reveal(), "engw", "engs", 1)} {
			grant, err := b.service.VerifyKey(b.ctx, engage.NewSecret(bad))
			note(grant, err)
		}
	}
	b.across.fail = &engage.Error{Code: engage.Unavailable, Op: "test"}
	_, err = b.another(apikeys.Config{}).VerifyKey(b.ctx, first)
	note(err)
	b.across.fail = nil
	page, err := b.service.Keys(b.ctx, b.ws, engage.PageRequest{})
	note(page, err, b.service)
	note(apikeystest.Dump(b.ctx, t, apikeystest.Adapter{Tx: b.store, Keys: b.deps.Keys, Across: b.across}, b.ws))
	for _, event := range b.published(b.ws) {
		note(event)
	}
	seen.Write(b.log.Bytes())
	if !strings.Contains(seen.String(), key.ID.String()) {
		t.Fatal("nothing was seen")
	}
	for _, text := range []engage.Secret{first, second} {
		for spelling, value := range spellings(text.Reveal()) {
			if strings.Contains(seen.String(), value) {
				t.Errorf("the %s of a key's text is seen", spelling)
			}
		}
	}
}

// spellings are forms that a key's secret may be found in.
func spellings(token string) map[string]string {
	secret := token[31:83]
	return map[string]string{
		"whole": token, "secret": secret, "upper case": strings.ToUpper(secret), "half": secret[:26], "other half": secret[26:],
		"hex": hex.EncodeToString([]byte(secret)), "base64": base64.StdEncoding.EncodeToString([]byte(secret))[:60],
		"end": token[62:],
	}
}

// isolated calls every method of the service for a workspace about another's key.
func isolated(s *apikeys.Service, id apikeys.ID, grant engage.Grant) map[string]func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	return map[string]func(ctx context.Context, ws engage.WorkspaceID) (int, error){
		"Create": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, _, err := s.Create(ctx, ws, apikeys.NewKey{Name: "x", Kind: apikeys.WriteKey})
			return 0, err
		},
		"Update": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Update(ctx, ws, id, func(*apikeys.Key) error { return nil })
			return 1, err
		},
		"Rename": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Rename(ctx, ws, id, "Mine")
			return 1, err
		},
		"Rotate": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, _, err := s.Rotate(ctx, ws, id, 0)
			return 1, err
		},
		"Revoke": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Revoke(ctx, ws, id)
			return 1, err
		},
		"Delete": func(ctx context.Context, ws engage.WorkspaceID) (int, error) { return 1, s.Delete(ctx, ws, id) },
		"Get": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			_, err := s.Get(ctx, ws, id)
			return 1, err
		},
		"Keys": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			page, err := s.Keys(ctx, ws, engage.PageRequest{})
			return len(page.Items), err
		},
		"KeyPermissions": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			got, err := s.KeyPermissions(ctx, ws, id.String())
			return len(got), err
		},
		"AllowsOrigin": func(ctx context.Context, ws engage.WorkspaceID) (int, error) {
			grant.Workspace = ws
			_, err := s.AllowsOrigin(ctx, grant, "")
			return 1, err
		},
	}
}

func TestWorkspacesAreKeptApart(t *testing.T) {
	t.Parallel()
	for method := range reflect.TypeFor[*apikeys.Service]().Methods() {
		takes := method.Type.NumIn() > 2 && method.Type.In(2) == reflect.TypeFor[engage.WorkspaceID]()
		if takes && isolated(nil, apikeys.ID{}, engage.Grant{})[method.Name] == nil {
			t.Errorf("%s takes a workspace and has no case here", method.Name)
		}
	}
	for name := range isolated(nil, apikeys.ID{}, engage.Grant{}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			key, text := b.create(apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey})
			grant, err := b.service.VerifyKey(b.ctx, text)
			b.no(err)
			dump := func() string {
				return apikeystest.Dump(b.ctx, t, apikeystest.Adapter{Tx: b.store, Keys: b.deps.Keys, Across: b.across}, b.ws)
			}
			before := dump()
			call := isolated(b.service, key.ID, grant)[name]
			switch found, err := call(b.ctx, b.other); {
			case err != nil && !errors.Is(err, engage.ErrNotFound):
				t.Errorf("want ErrNotFound or nothing, got %v", err)
			case err == nil && found != 0:
				t.Errorf("found %d keys of another workspace", found)
			}
			_, err = call(b.ctx, engage.WorkspaceID{})
			b.code(err, engage.Invalid)
			_ = b.store.InTx(b.ctx, b.other, func(ctx context.Context) error {
				// Reads may answer; a write in the other's transaction may not.
				if _, err := call(ctx, b.ws); err != nil && !errors.Is(err, engage.ErrFailedPrecondition) {
					t.Errorf("want ErrFailedPrecondition, got %v", err)
				}
				return nil
			})
			b.same(dump(), before)
			b.serves(b.service, text, true)
		})
	}
}
