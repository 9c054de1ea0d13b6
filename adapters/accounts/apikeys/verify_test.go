package apikeys_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
)

func TestAKeyGrantsWhatItsKindMay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	write, writeText := b.create(apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey})
	secret, secretText := b.secretKey("contacts.write", "contacts.read", "contacts.read")

	grant, err := b.service.VerifyKey(b.ctx, writeText)
	b.no(err)
	b.same(grant, engage.Grant{Workspace: b.ws, Actor: engage.Actor{Type: "api_key", ID: write.ID.String()}, Permissions: []string{"ingest"}})
	grant, err = b.service.VerifyKey(b.ctx, secretText)
	b.no(err)
	b.same(grant, engage.Grant{
		Workspace: b.ws, Actor: engage.Actor{Type: "api_key", ID: secret.ID.String()}, Permissions: []string{"contacts.read", "contacts.write"},
	})
	grant.Permissions[0] = "everything" // is the caller's own
	again, err := b.service.VerifyKey(b.ctx, secretText)
	b.no(err)
	b.same(again.Permissions, []string{"contacts.read", "contacts.write"})
}

// Every permission against every kind of key: a write key opens the door of
// ingest and no other, however it came by its row.
func TestAWriteKeyOpensNothingButIngest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	permissions := []string{apikeys.Ingest}
	for _, room := range []string{"contacts", "events", "segments", "automation", "messaging", "accounts", "keys", "plans", "inbox", "wallet"} {
		for _, verb := range []string{"read", "write", "delete", "admin"} {
			permissions = append(permissions, room+"."+verb)
		}
	}
	_, plain := b.create(apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey})
	write, bent := b.create(apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey})
	// Somebody edited the row.
	b.no(b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
		r, err := b.deps.Keys.Lock(ctx, b.ws, write.ID)
		b.no(err)
		r.Permissions = permissions
		return b.deps.Keys.Update(ctx, b.ws, r)
	}))
	for _, permission := range permissions {
		_, secretText := b.secretKey(permission)
		_, _, err := b.service.Create(b.ctx, b.ws, apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey, Permissions: []string{permission}})
		b.code(err, engage.Invalid, "permissions")
		_, err = b.service.Update(b.ctx, b.ws, write.ID, func(k *apikeys.Key) error { k.Permissions = []string{permission}; return nil })
		b.code(err, engage.Invalid, "permissions")
		for _, c := range []struct {
			name string
			text engage.Secret
			want bool
		}{
			{"write", plain, permission == apikeys.Ingest},
			{"bent", bent, permission == apikeys.Ingest},
			{"secret", secretText, true},
		} {
			grant, err := b.service.VerifyKey(b.ctx, c.text)
			b.no(err)
			named, err := b.service.KeyPermissions(b.ctx, b.ws, grant.Actor.ID)
			b.no(err)
			if slices.Contains(grant.Permissions, permission) != c.want || slices.Contains(named, permission) != c.want {
				t.Errorf("%s key and %s: granted %q, named %q", c.name, permission, grant.Permissions, named)
			}
		}
	}
}

func TestEveryRefusalIsTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, served := b.secretKey("a")
	revoked, revokedText := b.secretKey("a")
	_, err := b.service.Revoke(b.ctx, b.ws, revoked.ID)
	b.no(err)
	rotated, formerText := b.secretKey("a")
	_, _, err = b.service.Rotate(b.ctx, b.ws, rotated.ID, 0)
	b.no(err)
	_, expiredText := b.create(apikeys.NewKey{Name: "x", Kind: apikeys.SecretKey, Permissions: []string{"a"}, ExpiresAt: start.Add(time.Second)})
	b.clock.Advance(time.Second)
	deleted, deletedText := b.secretKey("a")
	_, err = b.service.Revoke(b.ctx, b.ws, deleted.ID)
	b.no(err)
	b.no(b.service.Delete(b.ctx, b.ws, deleted.ID))
	elsewhere := setup(t)
	_, unknownText := elsewhere.secretKey("a")

	for name, c := range map[string]struct {
		text  string
		finds int
	}{
		"unknown":          {unknownText.Reveal(), 1},
		"deleted":          {deletedText.Reveal(), 1},
		"revoked":          {revokedText.Reveal(), 1},
		"expired":          {expiredText.Reveal(), 1},
		"another secret":   {formerText.Reveal(), 1},
		"mistyped":         {served.Reveal()[:80] + "0000000000", 0},
		"empty":            {"", 0},
		"something else":   {"sk_live_4eC39HqLyjWDarjtT1zdp7dc", 0},
		"very long":        {strings.Repeat("engs_", 1<<20), 0},
		"with white space": {served.Reveal() + " ", 0},
	} {
		for range 2 { // refusals are not remembered
			b.across.found()
			grant, err := b.service.VerifyKey(b.ctx, engage.NewSecret(c.text))
			b.same(grant, engage.Grant{})
			if want := "apikeys.VerifyKey: unauthenticated"; !errors.Is(err, engage.ErrUnauthenticated) || err.Error() != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
			if got := b.across.found(); got != c.finds {
				t.Errorf("%s: %d lookups, want %d", name, got, c.finds)
			}
		}
	}
	_, err = b.service.VerifyKey(b.ctx, engage.Secret{})
	b.code(err, engage.Unauthenticated)
	b.across.fail = &engage.Error{Code: engage.Unavailable, Op: "test"}
	_, err = b.service.VerifyKey(b.ctx, unknownText)
	b.code(err, engage.Unavailable)
}

func TestVerifiedKeysAreBelievedForFiveSeconds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, text := b.secretKey("a")
	b.across.found()
	for range 100 {
		b.serves(b.service, text, true)
	}
	b.same(b.across.found(), 1)
	b.clock.Advance(apikeys.Freshness - time.Microsecond)
	b.serves(b.service, text, true)
	b.same(b.across.found(), 0)
	b.clock.Advance(time.Microsecond)
	b.serves(b.service, text, true)
	b.same(b.across.found(), 1)
	b.clock.Advance(-time.Hour) // a clock that jumps back makes nothing last longer
	b.serves(b.service, text, true)
	b.same(b.across.found(), 1)
}

func TestARevokedKeyEndsEverywhereWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	here, there := b.service, b.another(apikeys.Config{})
	key, text := b.secretKey("a")
	grant, err := there.VerifyKey(b.ctx, text)
	b.no(err)
	b.serves(here, text, true)
	b.clock.Advance(time.Second)
	_, err = here.Revoke(b.ctx, b.ws, key.ID)
	b.no(err)
	b.serves(here, text, false) // at once where it was revoked
	_, err = here.KeyPermissions(b.ctx, b.ws, key.ID.String())
	b.code(err, engage.NotFound)

	b.clock.Advance(apikeys.Freshness - time.Second - time.Microsecond)
	b.serves(there, text, true) // the longest that it may
	b.clock.Advance(time.Microsecond)
	b.serves(there, text, false)
	_, err = there.KeyPermissions(b.ctx, b.ws, key.ID.String())
	b.code(err, engage.NotFound)
	_, err = there.AllowsOrigin(b.ctx, grant, "")
	b.code(err, engage.NotFound)
}

func TestChangedPermissionsHoldEverywhereWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	there := b.another(apikeys.Config{})
	key, text := b.secretKey("a")
	permissions := func(s *apikeys.Service) []string {
		grant, err := s.VerifyKey(b.ctx, text)
		b.no(err)
		named, err := s.KeyPermissions(b.ctx, b.ws, key.ID.String())
		b.no(err)
		b.same(grant.Permissions, named)
		return named
	}
	b.same(permissions(there), []string{"a"})
	b.same(permissions(b.service), []string{"a"})
	_, err := b.service.Update(b.ctx, b.ws, key.ID, func(k *apikeys.Key) error { k.Permissions = []string{"b"}; return nil })
	b.no(err)
	b.same(permissions(b.service), []string{"b"})
	named, err := there.KeyPermissions(b.ctx, b.ws, key.ID.String()) // for those who remember it themselves
	b.no(err)
	b.same(named, []string{"b"})
	b.clock.Advance(apikeys.Freshness)
	b.same(permissions(there), []string{"b"})
}

func TestARevocationThatIsUndoneChangesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, text := b.secretKey("a")
	b.serves(b.service, text, true)
	undo := errors.New("undo")
	err := b.store.InTx(b.ctx, b.ws, func(ctx context.Context) error {
		_, err := b.service.Revoke(ctx, b.ws, key.ID)
		b.no(err)
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	b.clock.Advance(apikeys.Freshness)
	b.serves(b.service, text, true)
}

func TestAKeyExpiresToTheMicrosecondEvenWhileItIsBelieved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, text := b.create(apikeys.NewKey{Name: "x", Kind: apikeys.SecretKey, Permissions: []string{"a"}, ExpiresAt: start.Add(2 * time.Second)})
	b.serves(b.service, text, true)
	b.clock.Advance(2*time.Second - time.Microsecond)
	b.serves(b.service, text, true)
	_, err := b.service.KeyPermissions(b.ctx, b.ws, key.ID.String())
	b.no(err)
	b.clock.Advance(time.Microsecond)
	b.serves(b.service, text, false)
	_, err = b.service.KeyPermissions(b.ctx, b.ws, key.ID.String())
	b.code(err, engage.NotFound)
}

func TestARotatedKeysFormerTextServesForItsOverlap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, first := b.secretKey("a")
	b.serves(b.service, first, true)
	rotated, second, err := b.service.Rotate(b.ctx, b.ws, key.ID, time.Hour)
	b.no(err)
	b.same(rotated.FormerUntil, start.Add(time.Hour))
	b.same(second.Reveal()[:31], rotated.Head())
	b.serves(b.service, first, true)
	b.serves(b.service, second, true)
	b.clock.Advance(time.Hour - time.Microsecond)
	b.serves(b.service, first, true)
	b.clock.Advance(time.Microsecond)
	b.serves(b.service, first, false)
	b.serves(b.service, second, true)

	// The next rotation ends what the one before left.
	_, third, err := b.service.Rotate(b.ctx, b.ws, key.ID, time.Hour)
	b.no(err)
	_, fourth, err := b.service.Rotate(b.ctx, b.ws, key.ID, time.Hour)
	b.no(err)
	for text, want := range map[engage.Secret]bool{first: false, second: false, third: true, fourth: true} {
		b.serves(b.service, text, want)
	}
	_, fifth, err := b.service.Rotate(b.ctx, b.ws, key.ID, 0)
	b.no(err)
	b.serves(b.service, fourth, false)
	b.serves(b.service, fifth, true)
}

func TestKeyPermissionsKnowsKeysOfItsWorkspaceAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, text := b.secretKey("a")
	b.serves(b.service, text, true) // it is remembered
	for _, id := range []string{"", "key_", "usr_" + strings.Repeat("0", 26), apikeys.ID{9}.String()} {
		_, err := b.service.KeyPermissions(b.ctx, b.ws, id)
		b.code(err, engage.NotFound)
	}
	_, err := b.service.KeyPermissions(b.ctx, b.other, key.ID.String())
	b.code(err, engage.NotFound)
	_, err = b.service.KeyPermissions(b.ctx, engage.WorkspaceID{}, key.ID.String())
	b.code(err, engage.Invalid)
}

func TestAKeyBoundToOriginsServesThoseAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, text := b.create(apikeys.NewKey{
		Name: "Shop", Kind: apikeys.WriteKey, Origins: []string{"https://Shop.example:443", "http://localhost:8080", "https://bücher.example", "https://[2001:DB8::1]:444"},
	})
	b.same(key.Origins, []string{"http://localhost:8080", "https://[2001:db8::1]:444", "https://shop.example", "https://xn--bcher-kva.example"})
	grant, err := b.service.VerifyKey(b.ctx, text)
	b.no(err)
	b.across.found()
	for origin, want := range map[string]bool{
		"https://shop.example": true, "https://shop.example:443": true, "HTTPS://SHOP.EXAMPLE": true, "http://localhost:8080": true,
		"https://xn--bcher-kva.example": true, "https://[2001:db8::1]:444": true,
		"": false, "null": false, "http://shop.example": false, "https://shop.example:444": false, "https://shop.example.evil.test": false,
		"https://evil.test/https://shop.example": false, "https://shop.example@evil.test": false, "https://sub.shop.example": false, "http://localhost": false,
		"https://shop.example, https://evil.test": false, "https://shop.example/": false, "https://shop.example?": false, "https://shop.example:": false,
	} {
		got, err := b.service.AllowsOrigin(b.ctx, grant, origin)
		b.no(err)
		if got != want {
			t.Errorf("%q: %t, want %t", origin, got, want)
		}
	}
	b.same(b.across.found(), 0)

	free, freeText := b.create(apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey})
	b.same(len(free.Origins), 0)
	grant, err = b.service.VerifyKey(b.ctx, freeText)
	b.no(err)
	for _, origin := range []string{"", "null", "https://anywhere.test"} {
		got, err := b.service.AllowsOrigin(b.ctx, grant, origin)
		b.no(err)
		b.same(got, true)
	}
	grant.Actor.Type = "user"
	_, err = b.service.AllowsOrigin(b.ctx, grant, "")
	b.code(err, engage.Invalid, "grant.actor")
}

func TestAUseIsWrittenOnceAMinuteHoweverManyProcessesSeeIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	there := b.another(apikeys.Config{})
	key, text := b.secretKey("a")
	used := func(want time.Time) {
		b.t.Helper()
		got, err := b.service.Get(b.ctx, b.ws, key.ID)
		b.no(err)
		b.same(got.LastUsedAt, want)
		b.same(got.Version, engage.Version(1))
	}
	steps := func(want int) {
		b.t.Helper()
		total := 0
		for _, s := range []*apikeys.Service{b.service, there} {
			n, err := b.step(s)
			b.no(err)
			total += n
		}
		b.same(total, want)
	}
	steps(0)
	b.same(b.across.touches, 0) // nothing to write asks nothing
	for range 50 {
		b.serves(b.service, text, true)
		b.serves(there, text, true)
	}
	used(time.Time{}) // the request does not wait for it
	minute := start.Truncate(time.Minute)
	steps(1)
	used(minute)
	for range 11 { // of the same minute, believed and read anew
		b.clock.Advance(5 * time.Second)
		b.serves(b.service, text, true)
		b.serves(there, text, true)
		steps(0)
	}
	b.clock.Advance(5 * time.Second)
	b.serves(there, text, true)
	steps(1)
	used(minute.Add(time.Minute))
	b.tells("accounts.key.created.v1 *") // a use is no change
}

func TestAUseThatCouldNotBeWrittenIsWrittenWithALaterOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	key, text := b.secretKey("a")
	b.serves(b.service, text, true)
	b.across.fail = &engage.Error{Code: engage.Unavailable, Op: "test"}
	_, err := b.step(b.service)
	b.code(err, engage.Unavailable)
	b.serves(b.service, text, true) // requests go on
	b.across.fail = nil
	b.clock.Advance(apikeys.Freshness)
	b.serves(b.service, text, true)
	n, err := b.step(b.service)
	b.no(err)
	b.same(n, 1)
	got, err := b.service.Get(b.ctx, b.ws, key.ID)
	b.no(err)
	b.same(got.LastUsedAt, start.Truncate(time.Minute))
}

func TestVerifyingIsSafeFromManyGoroutines(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var texts []engage.Secret
	var ids []apikeys.ID
	for range 20 {
		key, text := b.secretKey("a")
		texts, ids = append(texts, text), append(ids, key.ID)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 200 {
				at := (i + n) % len(texts)
				grant, err := b.service.VerifyKey(b.ctx, texts[at])
				if err != nil || grant.Actor.ID != ids[at].String() {
					t.Errorf("%v, %v", grant, err)
				}
				if n%50 == 0 {
					if _, err := b.service.Rename(b.ctx, b.ws, ids[(at+1)%len(ids)], "Renamed"); err != nil {
						t.Error(err)
					}
					b.clock.Advance(time.Second)
				}
				if n%60 == 0 {
					if _, err := b.step(b.service); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
}
