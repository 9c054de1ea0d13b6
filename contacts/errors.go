package contacts

import (
	"fmt"

	"github.com/go-engage/engage"
)

// notFound is ErrNotFound for an object by its id.
func notFound(op, entity string, id fmt.Stringer) error {
	return &engage.Error{Code: engage.NotFound, Op: op, Entity: entity + " " + id.String()}
}

// item is the path of a field of a batch's item.
func item(i int, field string) string {
	if field == "" {
		return fmt.Sprintf("[%d]", i)
	}
	return fmt.Sprintf("[%d].%s", i, field)
}
