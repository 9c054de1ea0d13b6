package bunplans

import (
	"embed"

	"github.com/go-engage/engage/adapters/bunstore"
)

//go:embed migrations
var migrations embed.FS

// Schema is the tables of the package, for bunstore.Store.Migrate.
var Schema = bunstore.Schema{Domain: "plans", FS: migrations}
