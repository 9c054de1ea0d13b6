package porttest_test

import (
	"reflect"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/internal/porttest"
	"github.com/go-engage/engage/internal/saboteur"
)

// The other cases are shown to notice broken adapters by the saboteurs of the
// suites.
func TestEveryPortNoticesAMethodWithoutACall(t *testing.T) {
	t.Parallel()
	saboteur.Fails(t, "has a call for each of its methods", func(t *testing.T) {
		porttest.EveryPort(t, func(t *testing.T) porttest.World {
			return porttest.World{
				Fixture: porttest.New(t, nil),
				Calls:   []porttest.Call{porttest.Writes("engage.Transactor", "InTx", nil, nil)},
			}
		}, reflect.TypeFor[engage.Transactor]())
	})
}

func TestNilIsAnEmptySlice(t *testing.T) {
	t.Parallel()
	f := porttest.New(t, nil)
	f.Same([]int{}, nil)
	f.Same([]int(nil), []int{})
	saboteur.Fails(t, "a slice that is not empty", func(t *testing.T) {
		t.Run("a slice that is not empty", func(t *testing.T) { porttest.New(t, nil).Same([]int{1}, nil) })
	})
}
