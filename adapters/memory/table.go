package memory

import (
	"context"
	"fmt"
	"iter"

	"github.com/tidwall/btree"

	"github.com/go-engage/engage"
)

// Index is one order of a table's rows.
type Index[Row any] struct {
	// Name is what Get, Ascend and Descend call the order.
	Name string
	// Less is a total order in which no two rows of the table are equal: the
	// primary index compares the key, the index of a unique key compares that,
	// and any other one ends with the key.
	Less func(a, b *Row) bool
}

// Table is a set of rows in one or more orders. It is part of its store's
// transactions. Rows never change once they are stored; a change is a new row.
type Table[Row any] struct {
	store   *Store
	name    string
	number  int
	indexes []Index[Row]
	empty   *trees[Row]
}

// trees are the rows of a table at one moment, once for each index.
type trees[Row any] []*btree.BTreeG[*Row]

// NewTable makes a table of a store, or answers the one of this name that the
// store has already, so that two adapters over one store share their rows. The
// primary index compares the key that tells rows apart, which starts with the
// workspace. A table is made where its adapter is, before transactions use it;
// two tables of one name and different row types are a fault of the program,
// and panic.
func NewTable[Row any](s *Store, name string, primary Index[Row], more ...Index[Row]) *Table[Row] {
	s.registry.Lock()
	defer s.registry.Unlock()
	if known, ok := s.tables[name]; ok {
		table, ok := known.(*Table[Row])
		if !ok {
			panic(fmt.Sprintf("memory: table %q holds rows of %T", name, known))
		}
		return table
	}
	table := &Table[Row]{store: s, name: name, number: len(s.tables), indexes: append([]Index[Row]{primary}, more...)}
	empty := make(trees[Row], len(table.indexes))
	for i, index := range table.indexes {
		empty[i] = btree.NewBTreeGOptions(index.Less, btree.Options{NoLocks: true})
	}
	table.empty = &empty
	s.tables[name] = table
	return table
}

// View reads a table. Outside a transaction it is the last commit at the moment
// of Read; in a transaction it is the transaction's state as it is now, with
// what was written since.
type View[Row any] struct {
	table    *Table[Row]
	tx       *tx // nil outside a transaction
	snapshot *trees[Row]
}

// Writer reads and writes a table in a transaction. It serves until the
// transaction's fn returns.
type Writer[Row any] struct {
	View[Row]
	scope *scope
}

// Read answers a view of the table: of the transaction in ctx, or of the last
// commit when there is none or it has ended. It never waits.
func (t *Table[Row]) Read(ctx context.Context) View[Row] {
	if sc := t.store.scopeOf(ctx); sc != nil && !sc.finished.Load() {
		return View[Row]{table: t, tx: sc.tx}
	}
	return View[Row]{table: t, snapshot: t.in(*t.store.committed.Load())}
}

// Write answers a writer for the rows of one workspace. Without a transaction
// in ctx, in one that has ended and in one that is pinned to another workspace,
// it answers ErrFailedPrecondition; for the zero workspace, ErrInvalid. A write
// port calls it first.
func (t *Table[Row]) Write(ctx context.Context, ws engage.WorkspaceID) (Writer[Row], error) {
	sc, err := t.store.requireWorkspace(ctx, t.name, ws)
	if err != nil {
		return Writer[Row]{}, err
	}
	return t.writer(sc), nil
}

// WriteShard answers a writer for the rows of every workspace, for the ports
// whose names end in Across. It needs InShard, and answers
// ErrFailedPrecondition elsewhere.
func (t *Table[Row]) WriteShard(ctx context.Context, shard engage.Shard) (Writer[Row], error) {
	sc, err := t.store.requireShard(ctx, t.name, shard)
	if err != nil {
		return Writer[Row]{}, err
	}
	return t.writer(sc), nil
}

func (t *Table[Row]) writer(sc *scope) Writer[Row] {
	return Writer[Row]{View: View[Row]{table: t, tx: sc.tx}, scope: sc}
}

// Len is the number of rows, over all workspaces.
func (v View[Row]) Len() int { return (*v.trees())[0].Len() }

// Get answers the row that stands where pivot would in an index. Only the
// fields that the index compares matter in pivot.
func (v View[Row]) Get(index string, pivot *Row) (*Row, bool) {
	return (*v.trees())[v.table.index(index)].Get(pivot)
}

// Ascend answers the rows from pivot on, or all for nil, in an index's order.
// The loop may write: it goes on over the rows as they were when it began.
func (v View[Row]) Ascend(index string, pivot *Row) iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		tree := v.still(index)
		if pivot == nil {
			tree.Scan(yield)
			return
		}
		tree.Ascend(pivot, yield)
	}
}

// Descend answers the rows from pivot down, or all for nil, against an index's
// order. The loop may write, as in Ascend.
func (v View[Row]) Descend(index string, pivot *Row) iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		tree := v.still(index)
		if pivot == nil {
			tree.Reverse(yield)
			return
		}
		tree.Descend(pivot, yield)
	}
}

// Set stores a row, in the place of the one with its key if there is one. The
// row belongs to the table from then on. A row of another key in its place in
// one of the other indexes panics: look for it with Get before, and answer
// ErrAlreadyExists.
func (w Writer[Row]) Set(row *Row) {
	trees := *w.own()
	old, replaced := trees[0].Set(row)
	for i, tree := range trees[1:] {
		if replaced {
			tree.Delete(old)
		}
		if other, taken := tree.Set(row); taken {
			panic(fmt.Sprintf("memory: table %q: %+v is in the place of %+v in index %q",
				w.table.name, *other, *row, w.table.indexes[i+1].Name))
		}
	}
}

// Delete removes the row with the primary key of pivot and answers it.
func (w Writer[Row]) Delete(pivot *Row) (*Row, bool) {
	if _, ok := w.Get(w.table.indexes[0].Name, pivot); !ok {
		return nil, false
	}
	trees := *w.own()
	old, _ := trees[0].Delete(pivot)
	for _, tree := range trees[1:] {
		tree.Delete(old)
	}
	return old, true
}

// own answers the trees that the innermost savepoint may change: its own copy,
// made before its first write.
func (w Writer[Row]) own() *trees[Row] {
	if w.scope.finished.Load() {
		panic(fmt.Sprintf("memory: a writer of table %q outlived its transaction", w.table.name))
	}
	current := w.trees()
	if w.tx.owned(w.table.number) {
		return current
	}
	copied := make(trees[Row], len(*current))
	for i, tree := range *current {
		copied[i] = tree.Copy()
	}
	w.tx.replace(w.table.number, &copied)
	return &copied
}

func (v View[Row]) trees() *trees[Row] {
	if v.tx == nil {
		return v.snapshot
	}
	return v.table.in(v.tx.tables)
}

// still answers an index's tree that nothing changes: a loop's own copy where
// the transaction might go on writing in place.
func (v View[Row]) still(index string) *btree.BTreeG[*Row] {
	tree := (*v.trees())[v.table.index(index)]
	if v.tx != nil && v.tx.owned(v.table.number) {
		return tree.Copy()
	}
	return tree
}

func (t *Table[Row]) in(tables []any) *trees[Row] {
	if t.number < len(tables) && tables[t.number] != nil {
		return tables[t.number].(*trees[Row]) //nolint:forcetypeassert // numbers are given out once
	}
	return t.empty
}

func (t *Table[Row]) index(name string) int {
	for i := range t.indexes {
		if t.indexes[i].Name == name {
			return i
		}
	}
	panic(fmt.Sprintf("memory: table %q has no index %q", t.name, name))
}
