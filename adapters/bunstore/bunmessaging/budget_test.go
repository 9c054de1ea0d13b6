package bunmessaging_test

import (
	"testing"

	"github.com/go-engage/engage/internal/testkit"
)

func TestEachCallRunsAFixedNumberOfStatements(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		for _, c := range b.calls() {
			t.Run(c.name, func(t *testing.T) {
				ran := b.statements(t, c)
				if want := c.want(db.Name); len(ran) != want {
					t.Errorf("%d statements, want %d: %.300q", len(ran), want, ran)
				}
			})
		}
	})
}
