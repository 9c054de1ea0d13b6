package automation

import (
	"fmt"

	"github.com/go-engage/engage"
)

// notFound is ErrNotFound for an object by its id.
func notFound(op, entity string, id fmt.Stringer) error {
	return &engage.Error{Code: engage.NotFound, Op: op, Entity: entity + " " + id.String()}
}
