package bunaccounts_test

import (
	"testing"

	"github.com/go-engage/engage/adapters/accounts/accountstest"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunaccounts"
	"github.com/go-engage/engage/internal/testkit"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		accountstest.RunConformance(t, func(t *testing.T) accountstest.Adapter {
			return adapterOf(testkit.Store(t, db, nil, bunaccounts.Schema))
		})
	})
}

func adapterOf(store *bunstore.Store) accountstest.Adapter {
	dir := bunaccounts.NewDirectory(store, "")
	return accountstest.Adapter{
		Tx: store, Publisher: store, Organizations: bunaccounts.NewOrganizations(dir), Members: bunaccounts.NewMembers(dir),
		Workspaces: bunaccounts.NewWorkspaces(dir), Settings: bunaccounts.NewSettings(dir), Users: bunaccounts.NewUsers(dir),
		Teams: bunaccounts.NewTeams(dir), Levels: bunaccounts.NewLevels(dir), Access: bunaccounts.NewAccess(dir),
	}
}
