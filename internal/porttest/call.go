package porttest

import (
	"context"
	"reflect"
	"testing"

	"github.com/go-engage/engage"
)

// Call is one method of a port, called about objects that the fixture's
// workspace has.
type Call struct {
	// Name is the port's and the method's: "contacts.Repository.Insert".
	Name string

	writes, creates bool
	run             Run
	many            Many
}

// Run calls a method for a workspace and answers how much it found.
type Run func(ctx context.Context, ws engage.WorkspaceID) (int, error)

// Many calls a method with a number of items. It is nil for those that take no
// slice.
type Many func(ctx context.Context, ws engage.WorkspaceID, n int) error

// Given makes Many of a method that answers an error alone.
func Given[T any](method func(ctx context.Context, ws engage.WorkspaceID, items []T) error) Many {
	return func(ctx context.Context, ws engage.WorkspaceID, n int) error { return method(ctx, ws, make([]T, n)) }
}

// Asked makes Many of a method that answers something.
func Asked[T, R any](method func(ctx context.Context, ws engage.WorkspaceID, items []T) (R, error)) Many {
	return func(ctx context.Context, ws engage.WorkspaceID, n int) error {
		return Err(method(ctx, ws, make([]T, n)))
	}
}

// Reads is a call that needs no transaction.
func Reads(port, method string, run Run, many Many) Call {
	return Call{Name: port + "." + method, run: run, many: many}
}

// Writes is a call that changes or locks what there is.
func Writes(port, method string, run Run, many Many) Call {
	return Call{Name: port + "." + method, writes: true, run: run, many: many}
}

// Creates is a write that makes something new rather than look for it.
func Creates(port, method string, run Run, many Many) Call {
	return Call{Name: port + "." + method, writes: true, creates: true, run: run, many: many}
}

// RequireCalls fails unless each method of the ports is among the names.
func RequireCalls(t *testing.T, names map[string]bool, ports ...reflect.Type) {
	t.Helper()
	for _, port := range ports {
		for method := range port.Methods() {
			if name := port.String() + "." + method.Name; !names[name] {
				t.Errorf("%s has no call in the suite", name)
			}
		}
	}
}

// Count is how much a method found.
func Count[T any](items []T, err error) (int, error) { return len(items), err }

// CountPage is how much a page holds.
func CountPage[T any](page engage.Page[T], err error) (int, error) { return len(page.Items), err }

// CountTrue is to how many items a method said yes.
func CountTrue(all []bool, err error) (int, error) {
	n := 0
	for _, yes := range all {
		if yes {
			n++
		}
	}
	return n, err
}

// CountNone is of methods that answer no items.
func CountNone(err error) (int, error) { return 0, err }

// Err drops the answer of a method.
func Err[T any](_ T, err error) error { return err }
