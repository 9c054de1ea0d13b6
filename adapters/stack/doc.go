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
package stack
