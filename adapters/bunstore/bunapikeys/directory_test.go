package bunapikeys_test

import (
	"context"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunapikeys"
	"github.com/go-engage/engage/internal/testkit"
)

// In an installation of two databases, keys are in the directory, whatever
// database their workspace is on.
func TestKeysOfAnInstallationOfSeveralDatabasesAreInOne(t *testing.T) {
	t.Parallel()
	main, more := testkit.SQLite(t), testkit.SQLite(t)
	here, there := engage.WorkspaceID{1}, engage.WorkspaceID{2}
	all, err := bunstore.Open(t.Context(), bunstore.Config{
		Write: main.Write, Read: main.Read, More: []bunstore.Database{{Shard: "more", Write: more.Write, Read: more.Read}},
		Resolve: func(_ context.Context, ws engage.WorkspaceID) (engage.Shard, error) {
			return map[bool]engage.Shard{true: "more", false: engage.DefaultShard}[ws == there], nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := all.Migrate(t.Context(), bunapikeys.Schema); err != nil {
		t.Fatal(err)
	}
	directory, err := bunstore.Open(t.Context(), bunstore.Config{Write: main.Write, Read: main.Read})
	if err != nil {
		t.Fatal(err)
	}
	open := func(store *bunstore.Store) *apikeys.Service {
		keys := bunapikeys.NewKeys(store)
		service, err := apikeys.New(apikeys.Deps{Runtime: engage.Runtime{Tx: store, Events: store}, Keys: keys, Across: keys}, apikeys.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return service
	}
	params := apikeys.NewKey{Name: "Shop", Kind: apikeys.WriteKey}
	_, _, err = open(all).Create(t.Context(), there, params)
	if engage.CodeOf(err) != engage.FailedPrecondition {
		t.Errorf("a key in the other database: want ErrFailedPrecondition, got %v", err)
	}
	if left, err := bunapikeys.NewKeys(all).List(t.Context(), there, engage.PageRequest{}); err != nil || len(left.Items) > 0 {
		t.Errorf("it left %v, %v", left.Items, err)
	}
	service := open(directory)
	for _, ws := range []engage.WorkspaceID{here, there} {
		_, text, err := service.Create(t.Context(), ws, params)
		if err != nil {
			t.Fatal(err)
		}
		if grant, err := service.VerifyKey(t.Context(), text); err != nil || grant.Workspace != ws {
			t.Errorf("%v, %v", grant, err)
		}
	}
}
