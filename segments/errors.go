package segments

import (
	"fmt"

	"github.com/go-engage/engage"
)

// notFound is ErrNotFound for an object by its id.
func notFound(op, entity string, id fmt.Stringer) error {
	return &engage.Error{Code: engage.NotFound, Op: op, Entity: entity + " " + id.String()}
}

// unsupported says that a filter holds a condition that this version can't
// evaluate.
func unsupported(what any) error {
	return &engage.Error{Code: engage.Unimplemented, Op: "segments.compile", Err: fmt.Errorf("no evaluation of %T %v", what, what)}
}
