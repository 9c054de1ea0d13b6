package accountstest_test

import (
	"strings"
	"testing"

	"github.com/go-engage/engage/adapters/accounts/accountstest"
)

func TestAScriptIsItsSeeds(t *testing.T) {
	t.Parallel()
	one, again, other := accountstest.RunScript(t, open(), 1, 600), accountstest.RunScript(t, open(), 1, 600), accountstest.RunScript(t, open(), 2, 600)
	if one != again {
		t.Error("a seed played twice differs")
	}
	if one == other {
		t.Error("two seeds are the same")
	}
	// A script in which nothing succeeds, or nothing is refused, compares nothing.
	for _, want := range []string{
		"told", "undone: true", `SetRoles: "" `, `SetRoles: "failed_precondition"`, `SetAccess: "" `, `SetAccess: "not_found"`, `UpdateTeam: "" `,
		`PutSetting: "" `, `PutSetting: "conflict"`, `PutSetting: "invalid"`, `CreateLevel: "" `, `CreateUser: "already_exists"`, `DeleteWorkspace: "" `, `RemoveMember: "" `,
	} {
		if !strings.Contains(one, want) && !strings.Contains(other, want) {
			t.Errorf("the scripts have no %s", want)
		}
	}
}
