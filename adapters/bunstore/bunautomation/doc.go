// Package bunautomation keeps workflows and their runs in SQLite, PostgreSQL or
// MariaDB, over the kernel of package bunstore. Compositions import it, and hosts
// that wire the suite by hand.
//
// [Schema] makes the tables, all named engage_automation_…. Definitions are text
// and not jsonb: they are read whole, no statement looks into them, and so a
// published revision keeps its bytes. A run's column claim_at is the one instant
// by which it is claimed: when it is due, or when its lease ends, and NULL once
// it has ended, so that the indexes that claims read hold running runs alone.
//
// Each method runs a fixed number of statements, however many runs it is given.
// A claim first asks for the next runs by that instant, which is all there is to
// do when nothing is due. When more are due than it may take, it jumps from one
// workflow with running runs to the next and takes some of each, so its cost
// depends neither on how many runs sleep, nor on what one workspace has waiting,
// nor on runs whose workflow is paused. On MariaDB, whose indexes are never
// partial, it grows with the workflows that ever had runs.
package bunautomation
