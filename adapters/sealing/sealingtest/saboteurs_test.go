package sealingtest_test

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/adapters/sealing/sealingtest"
	"github.com/go-engage/engage/internal/saboteur"
)

// TestTheSuiteNoticesAnAdapterThat breaks the adapter in memory in one way each;
// the suite must fail in the case that is named.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	type adapter = sealingtest.Adapter
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *adapter)
	}{
		{"ignores the workspace when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *adapter) {
			a.Keys = readsAnywhere{notes{a.Keys, &saboteur.Seen{}}}
		}},
		{"ignores the workspace when it writes", "every port/keeps equal ids of two workspaces apart", func(a *adapter) {
			a.Tx, a.Keys = saboteur.Unpinned{Transactor: a.Tx}, erasesAnywhere{notes{a.Keys, &saboteur.Seen{}}}
		}},
		{"ignores the workspace when it pages", "keys/lists keys by id, also while others come", func(a *adapter) {
			a.Keys = pagesAnywhere{a.Keys, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it wraps anew", "rewrapping/replaces those whose version is the stored one, and says which", func(a *adapter) {
			seen := &saboteur.Seen{}
			a.Keys, a.Across = notes{a.Keys, seen}, rewrapsTwins{a.Across, seen}
		}},
		{"writes in another workspace's transaction", "every port/refuses to write in another workspace's transaction", func(a *adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"lets a host wrap anew", "every port across/writes in the transaction of a database alone", func(a *adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"accepts the zero workspace", "every port/refuses the zero workspace", func(a *adapter) { a.Keys = zeroIsNobody{a.Keys} }},
		{"ignores the version", "rewrapping/replaces those whose version is the stored one, and says which", func(a *adapter) {
			a.Across = lastWriterWins{a.Across, a.Keys}
		}},
		{"says that all was wrapped", "rewrapping/replaces those whose version is the stored one, and says which", func(a *adapter) {
			a.Across = saysAll{a.Across}
		}},
		{"brings erased keys back", "rewrapping/brings no erased key back", func(a *adapter) { a.Across = upserts{a.Across, a.Keys} }},
		{"pages by offset", "keys/lists keys by id, also while others come", func(a *adapter) { a.Keys = pagesByOffset{a.Keys} }},
		{"folds case", "rewrapping/compares the host's keys by their bytes", func(a *adapter) {
			a.Keys = adds{a.Keys, func(k *sealing.DataKey) { k.WrappedBy = strings.ToLower(k.WrappedBy) }}
		}},
		{"trims spaces", "rewrapping/compares the host's keys by their bytes", func(a *adapter) {
			a.Keys = adds{a.Keys, func(k *sealing.DataKey) { k.WrappedBy = strings.TrimRight(k.WrappedBy, " ") }}
		}},
		{"keeps bytes as text", "keys/answers what was stored", func(a *adapter) {
			a.Keys = adds{a.Keys, func(k *sealing.DataKey) { k.Wrapped = bytes.ToValidUTF8(k.Wrapped, []byte("?")) }}
		}},
		{"truncates time", "keys/keeps instants to the microsecond, in UTC, before 1970 too", func(a *adapter) {
			a.Keys = adds{a.Keys, func(k *sealing.DataKey) { k.CreatedAt = k.CreatedAt.Truncate(time.Millisecond) }}
		}},
		{"returns its own pointer", "keys/answers a copy of its own", func(a *adapter) {
			a.Keys = &sharesBytes{DataKeys: a.Keys, kept: map[sealing.KeyID][]byte{}}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *adapter) {
			a.Keys = opensItsOwn{a.Keys, a.Tx}
		}},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"keeps rows after a nested rollback", "every port/leaves nothing behind after a rollback", func(a *adapter) {
			a.Tx = saboteur.JoinsWithoutSavepoint{Transactor: a.Tx}
		}},
		{"keeps wrapped keys after a rollback", "every port across/leaves nothing behind after a rollback", func(a *adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"accepts a batch of any size", "every port across/refuses more than a batch, and takes none for nothing", func(a *adapter) {
			a.Across = takesAnyBatch{a.Across}
		}},
		{"replaces the key of a number", "keys/adds one key of a number, the first", func(a *adapter) { a.Keys = lastOneWins{a.Keys} }},
		{"lets every caller add the first key", "keys/lets one of many add the first key, and the others read it", func(a *adapter) {
			a.Keys = addsAlways{a.Keys}
		}},
		{"takes the last id for the newest", "keys/answers the key of the greatest number as the newest", func(a *adapter) {
			a.Keys = newestByID{a.Keys}
		}},
		{"loses keys between two pages", "rewrapping/finds what another key of the host wraps, in the order of workspace and id", func(a *adapter) {
			a.Across = forgetsTheWorkspace{a.Across}
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, sealingtest.RunConformance, open, c.to)
		})
	}
}

// notes remembers the workspaces that keys were added to.
type notes struct {
	sealing.DataKeys
	*saboteur.Seen
}

func (r notes) Add(ctx context.Context, ws engage.WorkspaceID, key sealing.DataKey) (bool, error) {
	r.Note(ws)
	return r.DataKeys.Add(ctx, ws, key)
}

type readsAnywhere struct{ notes }

func (r readsAnywhere) Get(ctx context.Context, ws engage.WorkspaceID, id sealing.KeyID) (sealing.DataKey, error) {
	key, err := r.DataKeys.Get(ctx, ws, id)
	for _, other := range r.Note(ws) {
		if err != nil {
			key, err = r.DataKeys.Get(ctx, other, id)
		}
	}
	return key, err
}

type erasesAnywhere struct{ notes }

func (r erasesAnywhere) Erase(ctx context.Context, ws engage.WorkspaceID) (int, error) {
	total := 0
	for _, other := range r.Note(ws) {
		n, err := r.DataKeys.Erase(ctx, other)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

type pagesAnywhere struct {
	sealing.DataKeys
	*saboteur.Seen
}

func (r pagesAnywhere) List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[sealing.DataKey], error) {
	for _, other := range r.Note(ws) {
		if key, err := page.After.Open("sealing_keys|" + other.String()); err == nil && key != nil {
			page.After = engage.SealCursor("sealing_keys|"+ws.String(), key)
			break
		}
	}
	return r.DataKeys.List(ctx, ws, page)
}

type rewrapsTwins struct {
	sealing.DataKeysAcross
	*saboteur.Seen
}

func (r rewrapsTwins) RewrapAcross(ctx context.Context, shard engage.Shard, keys []sealing.DataKeyAcross) ([]bool, error) {
	done, err := r.DataKeysAcross.RewrapAcross(ctx, shard, keys)
	for _, k := range keys {
		for _, other := range r.Note(k.Workspace) {
			k.Workspace = other
			_, _ = r.DataKeysAcross.RewrapAcross(ctx, shard, []sealing.DataKeyAcross{k})
		}
	}
	return done, err
}

type zeroIsNobody struct{ sealing.DataKeys }

func (r zeroIsNobody) Get(ctx context.Context, ws engage.WorkspaceID, id sealing.KeyID) (sealing.DataKey, error) {
	if ws.IsZero() {
		return sealing.DataKey{}, nil
	}
	return r.DataKeys.Get(ctx, ws, id)
}

type lastWriterWins struct {
	sealing.DataKeysAcross
	keys sealing.DataKeys
}

func (r lastWriterWins) RewrapAcross(ctx context.Context, shard engage.Shard, keys []sealing.DataKeyAcross) ([]bool, error) {
	keys = slices.Clone(keys)
	for i, k := range keys {
		if stored, err := r.keys.Get(ctx, k.Workspace, k.Key.ID); err == nil {
			keys[i].Key.Version = stored.Version
		}
	}
	return r.DataKeysAcross.RewrapAcross(ctx, shard, keys)
}

type saysAll struct{ sealing.DataKeysAcross }

func (r saysAll) RewrapAcross(ctx context.Context, shard engage.Shard, keys []sealing.DataKeyAcross) ([]bool, error) {
	done, err := r.DataKeysAcross.RewrapAcross(ctx, shard, keys)
	for i := range done {
		done[i] = true
	}
	return done, err
}

type upserts struct {
	sealing.DataKeysAcross
	keys sealing.DataKeys
}

func (r upserts) RewrapAcross(ctx context.Context, shard engage.Shard, keys []sealing.DataKeyAcross) ([]bool, error) {
	for _, k := range keys {
		if _, err := r.keys.Add(ctx, k.Workspace, k.Key); err != nil {
			return nil, err
		}
	}
	return r.DataKeysAcross.RewrapAcross(ctx, shard, keys)
}

type pagesByOffset struct{ sealing.DataKeys }

func (r pagesByOffset) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[sealing.DataKey], error) {
	binding := "offset" + ws.String()
	at, err := request.After.Open(binding)
	if err != nil {
		return engage.Page[sealing.DataKey]{}, err
	}
	offset, _ := strconv.Atoi(string(at))
	size, err := request.Size()
	if err != nil {
		return engage.Page[sealing.DataKey]{}, err
	}
	page, err := r.DataKeys.List(ctx, ws, engage.PageRequest{Limit: engage.MaxPageSize})
	if err != nil {
		return page, err
	}
	end := min(offset+size, len(page.Items))
	if end < len(page.Items) {
		page.Next = engage.SealCursor(binding, []byte(strconv.Itoa(end)))
	}
	page.Items = page.Items[min(offset, end):end]
	return page, nil
}

// adds changes keys on their way in.
type adds struct {
	sealing.DataKeys
	change func(*sealing.DataKey)
}

func (r adds) Add(ctx context.Context, ws engage.WorkspaceID, key sealing.DataKey) (bool, error) {
	r.change(&key)
	return r.DataKeys.Add(ctx, ws, key)
}

// sharesBytes answers the bytes that it was given.
type sharesBytes struct {
	sealing.DataKeys
	mu   sync.Mutex
	kept map[sealing.KeyID][]byte
}

func (r *sharesBytes) Add(ctx context.Context, ws engage.WorkspaceID, key sealing.DataKey) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept[key.ID] = key.Wrapped
	return r.DataKeys.Add(ctx, ws, key)
}

func (r *sharesBytes) Get(ctx context.Context, ws engage.WorkspaceID, id sealing.KeyID) (sealing.DataKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key, err := r.DataKeys.Get(ctx, ws, id)
	if err == nil {
		key.Wrapped = r.kept[id]
	}
	return key, err
}

type opensItsOwn struct {
	sealing.DataKeys
	tx engage.Transactor
}

func (r opensItsOwn) Add(ctx context.Context, ws engage.WorkspaceID, key sealing.DataKey) (added bool, err error) {
	if added, err = r.DataKeys.Add(ctx, ws, key); engage.CodeOf(err) == engage.FailedPrecondition {
		err = r.tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
			added, err = r.DataKeys.Add(ctx, ws, key)
			return err
		})
	}
	return added, err
}

type takesAnyBatch struct{ sealing.DataKeysAcross }

func (r takesAnyBatch) OutdatedAcross(ctx context.Context, shard engage.Shard, newest string, after sealing.DataKeyAcross, limit int) ([]sealing.DataKeyAcross, error) {
	return r.DataKeysAcross.OutdatedAcross(ctx, shard, newest, after, min(limit, engage.MaxBatch))
}

type lastOneWins struct{ sealing.DataKeys }

func (r lastOneWins) Add(ctx context.Context, ws engage.WorkspaceID, key sealing.DataKey) (bool, error) {
	added, err := r.DataKeys.Add(ctx, ws, key)
	if err == nil && !added {
		if _, err := r.Erase(ctx, ws); err != nil {
			return false, err
		}
		_, err = r.DataKeys.Add(ctx, ws, key)
	}
	return added, err
}

type addsAlways struct{ sealing.DataKeys }

func (r addsAlways) Add(ctx context.Context, ws engage.WorkspaceID, key sealing.DataKey) (bool, error) {
	for {
		added, err := r.DataKeys.Add(ctx, ws, key)
		if added || err != nil {
			return added, err
		}
		key.Number++
	}
}

type newestByID struct{ sealing.DataKeys }

func (r newestByID) Newest(ctx context.Context, ws engage.WorkspaceID) (sealing.DataKey, error) {
	newest, err := r.DataKeys.Newest(ctx, ws)
	if err != nil {
		return newest, err
	}
	page, err := r.List(ctx, ws, engage.PageRequest{Limit: engage.MaxPageSize})
	if err != nil || len(page.Items) == 0 {
		return newest, err
	}
	return page.Items[len(page.Items)-1], nil
}

type forgetsTheWorkspace struct{ sealing.DataKeysAcross }

func (r forgetsTheWorkspace) OutdatedAcross(ctx context.Context, shard engage.Shard, newest string, after sealing.DataKeyAcross, limit int) ([]sealing.DataKeyAcross, error) {
	found, err := r.DataKeysAcross.OutdatedAcross(ctx, shard, newest, after, limit)
	return slices.DeleteFunc(found, func(k sealing.DataKeyAcross) bool {
		return bytes.Compare(k.Key.ID[:], after.Key.ID[:]) <= 0
	}), err
}
