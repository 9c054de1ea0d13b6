package pgxarrays_test

import (
	"fmt"

	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/pgxarrays"
)

// The binder goes into the store's configuration; adapters then write whole
// columns through it.
func ExampleBinder() {
	config := bunstore.Config{Arrays: pgxarrays.Binder{}}

	query := "INSERT INTO tags (id, name) SELECT * FROM unnest($1::uuid[], $2::text[])"
	_, args, err := config.Arrays.Bind(query, []any{[]bunstore.UID{{1}, {2}}, []bunstore.Text{"vip", "new"}})
	fmt.Println(args[0], len(args[1].([][16]byte)), args[2], err)
	// Output: cache statement 2 [vip new] <nil>
}
