package accounts

import (
	"errors"
	"fmt"

	"github.com/go-engage/engage"
)

// The states that refuse a change, beside engage.ErrFailedPrecondition.
var (
	// ErrLastAdmin says that an organization would be left without an
	// administrator.
	ErrLastAdmin = errors.New("an organization keeps one administrator at least")
	// ErrArchived says that a workspace is archived.
	ErrArchived = errors.New("the workspace is archived")
	// ErrInUse says that something else still depends on the object.
	ErrInUse = errors.New("still in use")
)

// precondition is ErrFailedPrecondition with its cause.
func precondition(op string, entity fmt.Stringer, cause error) error {
	return &engage.Error{Code: engage.FailedPrecondition, Op: op, Entity: entity.String(), Err: cause}
}

// notFound is ErrNotFound for an object by its id.
func notFound(op, entity string, id fmt.Stringer) error {
	return &engage.Error{Code: engage.NotFound, Op: op, Entity: entity + " " + id.String()}
}

// missing is ErrNotFound for items of a batch, by index.
func missing(op string, faults engage.Faults) error {
	if len(faults) == 0 {
		return nil
	}
	return &engage.Error{Code: engage.NotFound, Op: op, Fields: faults}
}

// item is the path of a field of a batch's item.
func item(i int, field string) string { return fmt.Sprintf("[%d].%s", i, field) }
