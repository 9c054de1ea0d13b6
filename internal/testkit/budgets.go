package testkit

import (
	"fmt"
	"strings"
	"testing"
)

// Budgets collects what calls run on a database.
type Budgets struct {
	db   *Database
	text strings.Builder
}

// NewBudgets collects what calls run, each with a number of items that a
// statement an item could not be overlooked among.
func NewBudgets(db *Database, items int) *Budgets {
	b := &Budgets{db: db}
	fmt.Fprintf(&b.text, "Statements, behind the + savepoints, and rows written/read, of calls with %d items.\n\n", items)
	return b
}

// Add adds what a call ran.
func (b *Budgets) Add(call string, ran Tally) {
	fmt.Fprintf(&b.text, "%-50s %6s %12s\n", call, ran.Statements, ran.Rows)
}

// Compare compares the budgets with the file in testdata, or rewrites it.
func (b *Budgets) Compare(t testing.TB, update bool) {
	t.Helper()
	Golden(t, update, "budgets_"+b.db.Name+".txt", b.text.String())
}
