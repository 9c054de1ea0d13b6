package bunstore

import (
	"errors"

	"github.com/uptrace/bun/schema"
)

// Tuples is the right side of an IN over several columns:
//
//	query.Where("(workspace_id, id) IN ?", bunstore.Tuples{{UID(ws), UID(id)}, …})
//
// SQLite wants another syntax there than the others. The list must not be
// empty.
type Tuples [][]any

var _ schema.QueryAppender = Tuples(nil)

// AppendQuery writes the list in the dialect's syntax.
func (t Tuples) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if len(t) == 0 {
		return b, errors.New("bunstore: an empty IN over several columns")
	}
	b = append(b, '(')
	if DialectOf(gen) == SQLite {
		b = append(b, "VALUES "...)
	}
	return append(t.rows(gen, b), ')'), nil
}

// rows writes the tuples alone, as VALUES wants them.
func (t Tuples) rows(gen schema.QueryGen, b []byte) []byte {
	for i, tuple := range t {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '(')
		for j, value := range tuple {
			if j > 0 {
				b = append(b, ',')
			}
			b = gen.Append(b, value)
		}
		b = append(b, ')')
	}
	return b
}

// Rows is the tuples as they stand behind VALUES, in a query's arguments.
func (t Tuples) Rows() schema.QueryAppender { return rowsOf(t) }

type rowsOf Tuples

// AppendQuery writes the tuples behind a VALUES.
func (r rowsOf) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	return Tuples(r).rows(gen, b), nil
}
