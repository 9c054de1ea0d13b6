package apikeys

import (
	"fmt"

	"github.com/go-engage/engage"
)

// notFound is ErrNotFound for a key by its id.
func notFound(op string, id ID) error {
	return &engage.Error{Code: engage.NotFound, Op: op, Entity: "key " + id.String()}
}

// ended is ErrFailedPrecondition for a key whose life is over.
func ended(op string, id ID, state State) error {
	return &engage.Error{
		Code: engage.FailedPrecondition, Op: op, Entity: "key " + id.String(), Err: fmt.Errorf("the key is %s", state),
	}
}

// misplaced is ErrFailedPrecondition for a key that was written where it can't be
// found; other errors pass through.
func misplaced(op string, shard engage.Shard, err error) error {
	if engage.CodeOf(err) != engage.NotFound {
		return err
	}
	return &engage.Error{
		Code: engage.FailedPrecondition, Op: op, Err: fmt.Errorf("the workspace is not on the database %q, where keys are: use the store of the directory", shard),
	}
}

// unauthenticated is the one answer to every key that does not serve, so that it
// says nothing about why.
func unauthenticated() error {
	return &engage.Error{Code: engage.Unauthenticated, Op: "apikeys.VerifyKey"}
}
