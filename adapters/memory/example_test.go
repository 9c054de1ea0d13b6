package memory_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
)

type city struct {
	workspace engage.WorkspaceID
	name      string
	country   string
}

// cities is an adapter: one table, in the order of its key and by country.
type cities struct{ rows *memory.Table[city] }

func newCities(store *memory.Store) cities {
	byName := func(a, b *city) int {
		return cmp.Or(bytes.Compare(a.workspace[:], b.workspace[:]), cmp.Compare(a.name, b.name))
	}
	return cities{memory.NewTable(store, "cities",
		memory.Index[city]{Name: "name", Less: func(a, b *city) bool { return byName(a, b) < 0 }},
		memory.Index[city]{Name: "country", Less: func(a, b *city) bool {
			return cmp.Or(bytes.Compare(a.workspace[:], b.workspace[:]), cmp.Compare(a.country, b.country), byName(a, b)) < 0
		}},
	)}
}

// Create is a write port: it asks for a writer first.
func (c cities) Create(ctx context.Context, ws engage.WorkspaceID, name, country string) error {
	rows, err := c.rows.Write(ctx, ws)
	if err != nil {
		return err
	}
	row := city{ws, name, country}
	if _, taken := rows.Get("name", &row); taken {
		return &engage.Error{Code: engage.AlreadyExists, Op: "cities.Create", Entity: name}
	}
	rows.Set(&row)
	return nil
}

// In is a read port.
func (c cities) In(ctx context.Context, ws engage.WorkspaceID, country string) []string {
	var names []string
	for row := range c.rows.Read(ctx).Ascend("country", &city{workspace: ws, country: country}) {
		if row.workspace != ws || row.country != country {
			break
		}
		names = append(names, row.name)
	}
	return names
}

// An adapter's rows follow the transaction, and so do nested calls that fail.
func ExampleNewTable() {
	store := memory.New(memory.Config{})
	cities := newCities(store)
	ctx, ws := context.Background(), engage.WorkspaceID{1}

	err := store.InTx(ctx, ws, func(ctx context.Context) error {
		if err := cities.Create(ctx, ws, "Lyon", "FR"); err != nil {
			return err
		}
		_ = store.InTx(ctx, ws, func(ctx context.Context) error {
			_ = cities.Create(ctx, ws, "Atlantis", "FR")
			return errors.New("no such city")
		})
		return cities.Create(ctx, ws, "Albi", "FR")
	})
	fmt.Println(err, cities.In(ctx, ws, "FR"))

	err = cities.Create(ctx, ws, "Paris", "FR")
	fmt.Println(errors.Is(err, engage.ErrFailedPrecondition))
	// Output:
	// <nil> [Albi Lyon]
	// true
}
