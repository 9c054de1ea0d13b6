package apikeystest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
)

func keyCases(t *testing.T, a Adapter) {
	run(t, a, "keeps every field of a key, and none", func(f *fixture) {
		key, bare := f.key(), f.key()
		bare = apikeys.Record{Key: apikeys.Key{ID: bare.ID, Kind: apikeys.SecretKey, Version: 1}}
		f.insert(f.WS, key, bare)
		f.Same(f.lock(key.ID), key)
		f.Same(f.lock(bare.ID), bare)
		got, err := f.Keys.Get(f.Ctx, f.WS, []apikeys.ID{bare.ID, apikeys.ID(f.IDs.NewID()), key.ID, bare.ID})
		f.No(err)
		f.Same(got, []apikeys.Key{key.Key, bare.Key})
	})
	run(t, a, "keeps instants to the microsecond, in UTC", func(f *fixture) {
		key := f.key()
		key.ExpiresAt = time.Date(2026, 7, 1, 12, 0, 0, 1000, time.UTC)
		f.insert(f.WS, key)
		got := f.lock(key.ID)
		if got.ExpiresAt.Location() != time.UTC || !got.ExpiresAt.Equal(key.ExpiresAt) {
			f.T.Errorf("it expires at %v, want %v", got.ExpiresAt, key.ExpiresAt)
		}
	})
	run(t, a, "keeps names and permissions as they are", func(f *fixture) {
		for _, text := range hostile() {
			key := f.key()
			key.Name, key.Permissions, key.Origins = text, []string{text, text + "2"}, []string{text}
			key.CreatedBy.ID = text
			f.insert(f.WS, key)
			f.Same(f.lock(key.ID), key)
		}
	})
	run(t, a, "refuses an id that is taken, in another workspace too", func(f *fixture) {
		key := f.key()
		f.insert(f.WS, key)
		f.Code(f.Try(func(ctx context.Context) error { return f.Keys.Insert(ctx, f.WS, key) }), engage.AlreadyExists)
		err := f.Tx.InTx(f.Ctx, f.Other, func(ctx context.Context) error { return f.Keys.Insert(ctx, f.Other, key) })
		f.Code(err, engage.AlreadyExists)
		f.Same(f.lock(key.ID), key)
	})
	run(t, a, "goes on in a transaction that was refused an id", func(f *fixture) {
		key, next := f.key(), f.key()
		f.insert(f.WS, key)
		f.In(func(ctx context.Context) error {
			f.Code(f.Keys.Insert(ctx, f.WS, key), engage.AlreadyExists)
			return f.Keys.Insert(ctx, f.WS, next)
		})
		f.Same(f.lock(next.ID), next)
	})
	run(t, a, "updates what has the version that was read", func(f *fixture) {
		key, missing := f.key(), f.key()
		f.insert(f.WS, key)
		update := func(r apikeys.Record) error {
			return f.Try(func(ctx context.Context) error { return f.Keys.Update(ctx, f.WS, r) })
		}
		changed := f.key() // every field is another
		changed.ID, changed.Name, changed.Kind, changed.Permissions, changed.Origins = key.ID, "B", apikeys.SecretKey, []string{"c"}, nil
		changed.ExpiresAt, changed.FormerUntil, changed.RevokedAt = time.Time{}, time.Time{}, time.Time{}
		changed.CreatedAt, changed.UpdatedAt, changed.RotatedAt = start.Add(3*time.Second), start.Add(4*time.Second), start.Add(5*time.Second)
		changed.CreatedBy, changed.UpdatedBy = engage.Actor{Type: "user", ID: "u-3"}, engage.Actor{}
		f.No(update(changed))
		changed.Version = 2
		f.Same(f.lock(key.ID), changed)
		f.Code(update(key), engage.Conflict)
		f.Code(update(missing), engage.NotFound)
		f.Same(f.lock(key.ID), changed)
	})
	run(t, a, "gives out copies", func(f *fixture) {
		key := f.key()
		given := apikeys.Record{Key: key.Clone(), Digest: key.Digest, Former: key.Former}
		f.insert(f.WS, given)
		given.Permissions[0], given.Origins[0] = "changed", "changed"
		got := f.lock(key.ID)
		f.Same(got, key)
		got.Permissions[0] = "changed"
		all, err := f.Keys.Get(f.Ctx, f.WS, []apikeys.ID{key.ID})
		f.No(err)
		f.Same(all, []apikeys.Key{key.Key})
		all[0].Origins[0] = "changed"
		f.Same(f.lock(key.ID), key)
	})
	run(t, a, "deletes a key once", func(f *fixture) {
		key, stays := f.key(), f.key()
		f.insert(f.WS, key, stays)
		remove := func(ctx context.Context) error { return f.Keys.Delete(ctx, f.WS, key.ID) }
		f.In(remove)
		f.Code(f.Try(remove), engage.NotFound)
		f.Code(f.Try(func(ctx context.Context) error {
			_, err := f.Keys.Lock(ctx, f.WS, key.ID)
			return err
		}), engage.NotFound)
		f.Same(f.lock(stays.ID), stays)
	})
}

func listCases(t *testing.T, a Adapter) {
	// filled has a workspace with some keys, in the order of their ids.
	filled := func(f *fixture, n int) []apikeys.Key {
		var all []apikeys.Key
		for range n {
			key := f.key()
			f.insert(f.WS, key)
			all = append(all, key.Key)
		}
		return all
	}
	run(t, a, "pages by id", func(f *fixture) {
		want := filled(f, 7)
		f.insert(f.Other, f.key())
		for _, limit := range []int{1, 2, 3, 6, 7, 8, 0} {
			var got []apikeys.Key
			for page := (engage.PageRequest{Limit: limit}); ; {
				part, err := f.Keys.List(f.Ctx, f.WS, page)
				f.No(err)
				if limit > 0 && len(part.Items) > limit {
					f.T.Fatalf("%d items of %d", len(part.Items), limit)
				}
				got = append(got, part.Items...)
				if page.After = part.Next; part.Next == "" {
					break
				}
			}
			f.Same(got, want)
		}
	})
	run(t, a, "neither repeats nor hides a key when others come and go", func(f *fixture) {
		want := filled(f, 6)
		first, err := f.Keys.List(f.Ctx, f.WS, engage.PageRequest{Limit: 3})
		f.No(err)
		f.In(func(ctx context.Context) error { return f.Keys.Delete(ctx, f.WS, want[1].ID) })
		want = append(want, filled(f, 1)...)
		rest, err := f.Keys.List(f.Ctx, f.WS, engage.PageRequest{After: first.Next})
		f.No(err)
		f.Same(slices.Concat(first.Items, rest.Items), want)
	})
	run(t, a, "refuses a cursor of another workspace, a damaged one and a size out of range", func(f *fixture) {
		filled(f, 3)
		f.insert(f.Other, f.key(), f.key())
		theirs, err := f.Keys.List(f.Ctx, f.Other, engage.PageRequest{Limit: 1})
		f.No(err)
		for _, page := range []engage.PageRequest{
			{After: theirs.Next}, {After: "x"}, {After: engage.SealCursor("accounts_keys|"+f.WS.String(), []byte{1})}, {Limit: -1}, {Limit: engage.MaxPageSize + 1},
		} {
			_, err := f.Keys.List(f.Ctx, f.WS, page)
			f.Code(err, engage.Invalid)
		}
	})
}

func acrossCases(t *testing.T, a Adapter) {
	run(t, a, "finds a key by its id alone, in any workspace and any state", func(f *fixture) {
		mine, theirs := f.key(), f.key()
		theirs.RevokedAt = time.Time{}
		f.insert(f.WS, mine)
		f.insert(f.Other, theirs)
		for ws, want := range map[engage.WorkspaceID]apikeys.Record{f.WS: mine, f.Other: theirs} {
			got, err := f.Across.FindAcross(f.Ctx, f.shard(), want.ID)
			f.No(err)
			f.Same(got, apikeys.RecordAcross{Workspace: ws, Record: want})
		}
		for _, id := range []apikeys.ID{{}, apikeys.ID(f.IDs.NewID())} {
			_, err := f.Across.FindAcross(f.Ctx, f.shard(), id)
			f.Code(err, engage.NotFound)
		}
	})
	run(t, a, "touches keys whose last use is earlier, and leaves all else", func(f *fixture) {
		mine, theirs, later := f.key(), f.key(), f.key()
		noon := start.Truncate(time.Minute)
		later.LastUsedAt = noon.Add(time.Minute)
		f.insert(f.WS, mine, later)
		f.insert(f.Other, theirs)
		touch := func(at time.Time, want int, ids ...apikeys.ID) {
			f.T.Helper()
			f.across(func(ctx context.Context, shard engage.Shard) error {
				n, err := f.Across.TouchAcross(ctx, shard, at, ids)
				f.Same(n, want)
				return err
			})
		}
		missing := apikeys.ID(f.IDs.NewID())
		touch(noon, 2, theirs.ID, later.ID, missing, mine.ID, mine.ID)
		touch(noon, 0, theirs.ID, later.ID, mine.ID)
		touch(noon.Add(-time.Minute), 0, mine.ID)
		mine.LastUsedAt, theirs.LastUsedAt = noon, noon
		f.Same(f.lock(mine.ID), mine)
		f.Same(f.lock(later.ID), later)
		got, err := f.Across.FindAcross(f.Ctx, f.shard(), theirs.ID)
		f.No(err)
		f.Same(got.Record, theirs)
		touch(noon.Add(time.Minute), 1, mine.ID, later.ID)
	})
	run(t, a, "keeps the last use when a key is updated by who has not seen it", func(f *fixture) {
		key := f.key()
		f.insert(f.WS, key)
		f.across(func(ctx context.Context, shard engage.Shard) error {
			_, err := f.Across.TouchAcross(ctx, shard, start, []apikeys.ID{key.ID})
			return err
		})
		key.Name = "B"
		f.In(func(ctx context.Context) error { return f.Keys.Update(ctx, f.WS, key) })
		key.LastUsedAt, key.Version = start, 2
		f.Same(f.lock(key.ID), key)
	})
}

// hostile are values that databases confuse: case, outer space, accents in two
// spellings, letters with special folds, 4-byte characters, wildcards and quotes.
func hostile() []string {
	return []string{
		"alice", "Alice", "alice ", " alice", "ålice", "a\u030alice", "alıce", "alİce", "straße", "😀", "𝕬", "%", "_", `\`, `\\`, `'`, `''`,
		`"`, "?", "?0", "$1", "--", "null", "0", "00", "1e0", "\u200balice", "[]", "{}", `","`, "<&>", "",
	}
}
