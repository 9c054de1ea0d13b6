package accountstest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/go-engage/engage/adapters/accounts/accountstest"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaccounts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is an adapter over an empty store in memory.
func open() accountstest.Adapter {
	store := memory.New(memory.Config{})
	return accountstest.Adapter{
		Tx: store, Publisher: store, Organizations: memaccounts.NewOrganizations(store), Members: memaccounts.NewMembers(store),
		Workspaces: memaccounts.NewWorkspaces(store), Settings: memaccounts.NewSettings(store), Users: memaccounts.NewUsers(store),
		Teams: memaccounts.NewTeams(store), Levels: memaccounts.NewLevels(store), Access: memaccounts.NewAccess(store),
	}
}
