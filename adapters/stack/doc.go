// Package stack composes the whole suite in one call: on SQLite, PostgreSQL,
// MariaDB or in memory. Programs that want all of it import it; those that want
// a part compose the part, by hand as examples/handwired shows or with Wire.
//
//	platform, err := stack.SQLite(ctx, "engage.db", stack.Config{Email: sender})
//	err = platform.Migrate(ctx)
//	go platform.Run(ctx)
//
// The constructors open what they need and check it; nothing runs before Run,
// and nothing is migrated unasked.
//
// A stack has one database and no broker. Workspaces on several databases and
// row-level security are settings of bunstore.Open, and a broker is fed by
// watermillbus.NewRelay: programs that want these compose by hand.
package stack
