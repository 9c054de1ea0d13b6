package apikeystest_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/accounts/apikeys/apikeystest"
	"github.com/go-engage/engage/internal/saboteur"
)

// Each of these adapters does one thing wrong, as an author might, and the suite
// fails in the case that is named.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *apikeystest.Adapter)
	}{
		{"ignores the workspace when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *apikeystest.Adapter) {
			a.Keys = readsAnywhere{a.Keys, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it writes", "every port/finds nothing of another workspace and changes nothing there", func(a *apikeystest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
			a.Keys = deletesAnywhere{a.Keys, &saboteur.Seen{}}
		}},
		{"writes in another workspace's transaction", "every port/refuses to write in another workspace's transaction", func(a *apikeystest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"ignores the workspace when it pages", "lists of keys/refuses a cursor of another workspace, a damaged one and a size out of range", func(a *apikeystest.Adapter) {
			a.Keys = pagesAnywhere{a.Keys, &saboteur.Seen{}}
		}},
		{"accepts the zero workspace", "every port/refuses the zero workspace", func(a *apikeystest.Adapter) { a.Keys = zeroIsNobody{a.Keys} }},
		{"ignores the version", "keys/updates what has the version that was read", func(a *apikeystest.Adapter) { a.Keys = lastWriterWins{a.Keys} }},
		{"pages by offset", "lists of keys/neither repeats nor hides a key when others come and go", func(a *apikeystest.Adapter) {
			a.Keys = pagesByOffset{a.Keys}
		}},
		{"folds case", "keys/keeps names and permissions as they are", func(a *apikeystest.Adapter) { a.Keys = changesNames{a.Keys, strings.ToLower} }},
		{"trims spaces", "keys/keeps names and permissions as they are", func(a *apikeystest.Adapter) { a.Keys = changesNames{a.Keys, strings.TrimSpace} }},
		{"truncates time", "keys/keeps instants to the microsecond, in UTC", func(a *apikeystest.Adapter) { a.Keys = roundsTime{a.Keys} }},
		{"returns its own pointer", "keys/gives out copies", func(a *apikeystest.Adapter) {
			a.Keys = &sharesRows{Repository: a.Keys, rows: map[apikeys.ID]apikeys.Key{}}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *apikeystest.Adapter) { a.Keys = opensItsOwn{a.Keys, a.Tx} }},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *apikeystest.Adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"keeps uses after a rollback", "every port across/touches in the transaction of a database alone", func(a *apikeystest.Adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"keeps ids unique in a workspace alone", "keys/refuses an id that is taken, in another workspace too", func(a *apikeystest.Adapter) {
			a.Keys = takesOver{a.Keys, a.Across}
		}},
		{"finds keys that serve alone", "keys across workspaces/finds a key by its id alone, in any workspace and any state", func(a *apikeystest.Adapter) {
			a.Across = hidesRevoked{a.Across}
		}},
		{"writes a use as it comes", "keys across workspaces/touches keys whose last use is earlier, and leaves all else", func(a *apikeystest.Adapter) {
			a.Across = touchesAlways{a.Across}
		}},
		{"overwrites the last use", "keys across workspaces/keeps the last use when a key is updated by who has not seen it", func(a *apikeystest.Adapter) {
			a.Keys = forgetsUses{a.Keys}
		}},
		{"touches any number", "every port across/touches no more than a batch, and none for nothing", func(a *apikeystest.Adapter) {
			a.Across = touchesAnyBatch{a.Across}
		}},
		{"loses the former digest", "keys/keeps every field of a key, and none", func(a *apikeystest.Adapter) { a.Keys = losesFormer{a.Keys} }},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, apikeystest.RunConformance, open, c.to)
		})
	}
}

type readsAnywhere struct {
	apikeys.Repository
	*saboteur.Seen
}

func (r readsAnywhere) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	r.Note(ws)
	return r.Repository.Insert(ctx, ws, key)
}

func (r readsAnywhere) Get(ctx context.Context, ws engage.WorkspaceID, ids []apikeys.ID) ([]apikeys.Key, error) {
	found, err := r.Repository.Get(ctx, ws, ids)
	for _, other := range r.Note(ws) {
		if len(found) == 0 && err == nil {
			found, err = r.Repository.Get(ctx, other, ids)
		}
	}
	return found, err
}

type deletesAnywhere struct {
	apikeys.Repository
	*saboteur.Seen
}

func (r deletesAnywhere) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	r.Note(ws)
	return r.Repository.Insert(ctx, ws, key)
}

func (r deletesAnywhere) Delete(ctx context.Context, ws engage.WorkspaceID, id apikeys.ID) error {
	err := r.Repository.Delete(ctx, ws, id)
	for _, other := range r.Note(ws) {
		if errors.Is(err, engage.ErrNotFound) {
			err = r.Repository.Delete(ctx, other, id)
		}
	}
	return err
}

type pagesAnywhere struct {
	apikeys.Repository
	*saboteur.Seen
}

func (r pagesAnywhere) List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[apikeys.Key], error) {
	for _, other := range r.Note(ws) {
		if key, err := page.After.Open("accounts_keys|" + other.String()); err == nil && key != nil {
			page.After = engage.SealCursor("accounts_keys|"+ws.String(), key)
			break
		}
	}
	return r.Repository.List(ctx, ws, page)
}

type zeroIsNobody struct{ apikeys.Repository }

func (r zeroIsNobody) Get(ctx context.Context, ws engage.WorkspaceID, ids []apikeys.ID) ([]apikeys.Key, error) {
	if ws.IsZero() {
		return nil, nil
	}
	return r.Repository.Get(ctx, ws, ids)
}

type lastWriterWins struct{ apikeys.Repository }

func (r lastWriterWins) Update(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	if stored, err := r.Lock(ctx, ws, key.ID); err == nil {
		key.Version = stored.Version
	}
	return r.Repository.Update(ctx, ws, key)
}

type pagesByOffset struct{ apikeys.Repository }

func (r pagesByOffset) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[apikeys.Key], error) {
	var page engage.Page[apikeys.Key]
	key, err := request.After.Open("accounts_keys|" + ws.String())
	if err != nil {
		return page, err
	}
	offset, _ := strconv.Atoi(string(key))
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	all, err := r.Repository.List(ctx, ws, engage.PageRequest{Limit: engage.MaxPageSize})
	if err != nil {
		return page, err
	}
	page.Items = all.Items[min(offset, len(all.Items)):min(offset+size, len(all.Items))]
	if offset+size < len(all.Items) {
		page.Next = engage.SealCursor("accounts_keys|"+ws.String(), []byte(strconv.Itoa(offset+size)))
	}
	return page, nil
}

type changesNames struct {
	apikeys.Repository
	change func(string) string
}

func (r changesNames) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	key.Name = r.change(key.Name)
	return r.Repository.Insert(ctx, ws, key)
}

type roundsTime struct{ apikeys.Repository }

func (r roundsTime) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	key.ExpiresAt = key.ExpiresAt.Truncate(time.Millisecond)
	return r.Repository.Insert(ctx, ws, key)
}

type sharesRows struct {
	apikeys.Repository
	mu   sync.Mutex
	rows map[apikeys.ID]apikeys.Key
}

func (r *sharesRows) Lock(ctx context.Context, ws engage.WorkspaceID, id apikeys.ID) (apikeys.Record, error) {
	key, err := r.Repository.Lock(ctx, ws, id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if shared, ok := r.rows[id]; ok && shared.Version == key.Version {
		key.Key = shared
	} else {
		r.rows[id] = key.Key
	}
	return key, err
}

func (r *sharesRows) Get(ctx context.Context, ws engage.WorkspaceID, ids []apikeys.ID) ([]apikeys.Key, error) {
	found, err := r.Repository.Get(ctx, ws, ids)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, key := range found {
		if shared, ok := r.rows[key.ID]; ok && shared.Version == key.Version {
			found[i] = shared
		}
	}
	return found, err
}

type opensItsOwn struct {
	apikeys.Repository
	tx engage.Transactor
}

func (r opensItsOwn) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	err := r.Repository.Insert(ctx, ws, key)
	if !errors.Is(err, engage.ErrFailedPrecondition) {
		return err
	}
	return r.tx.InTx(ctx, ws, func(ctx context.Context) error { return r.Repository.Insert(ctx, ws, key) })
}

type takesOver struct {
	apikeys.Repository
	across apikeys.RepositoryAcross
}

func (r takesOver) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	if there, err := r.across.FindAcross(ctx, engage.DefaultShard, key.ID); err == nil && there.Workspace != ws {
		return nil
	}
	return r.Repository.Insert(ctx, ws, key)
}

type hidesRevoked struct{ apikeys.RepositoryAcross }

func (r hidesRevoked) FindAcross(ctx context.Context, shard engage.Shard, id apikeys.ID) (apikeys.RecordAcross, error) {
	found, err := r.RepositoryAcross.FindAcross(ctx, shard, id)
	if err == nil && !found.RevokedAt.IsZero() {
		return apikeys.RecordAcross{}, engage.ErrNotFound
	}
	return found, err
}

type touchesAlways struct{ apikeys.RepositoryAcross }

func (r touchesAlways) TouchAcross(ctx context.Context, shard engage.Shard, at time.Time, ids []apikeys.ID) (int, error) {
	n, err := r.RepositoryAcross.TouchAcross(ctx, shard, at, ids)
	if n < len(ids) && err == nil && n > 0 {
		n++
	}
	return n, err
}

type forgetsUses struct{ apikeys.Repository }

func (r forgetsUses) Update(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	if err := r.Repository.Update(ctx, ws, key); err != nil {
		return err
	}
	if err := r.Delete(ctx, ws, key.ID); err != nil {
		return err
	}
	return r.Insert(ctx, ws, key)
}

type touchesAnyBatch struct{ apikeys.RepositoryAcross }

func (r touchesAnyBatch) TouchAcross(ctx context.Context, shard engage.Shard, at time.Time, ids []apikeys.ID) (int, error) {
	if len(ids) > engage.MaxBatch {
		ids = ids[:engage.MaxBatch]
	}
	return r.RepositoryAcross.TouchAcross(ctx, shard, at, ids)
}

type losesFormer struct{ apikeys.Repository }

func (r losesFormer) Insert(ctx context.Context, ws engage.WorkspaceID, key apikeys.Record) error {
	key.Former = apikeys.Digest{}
	return r.Repository.Insert(ctx, ws, key)
}
