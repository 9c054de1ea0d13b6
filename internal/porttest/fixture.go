package porttest

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/go-engage/engage"
)

// Start is when every case begins; cases that need time move on from it. It has
// microseconds, and is a second before clocks change in Europe.
var Start = time.Date(2026, 3, 29, 0, 59, 59, 123456000, time.UTC)

// Fixture is a case's two workspaces and its source of ids. Its methods end the
// case when what they say is not so.
type Fixture struct {
	T         *testing.T
	Ctx       context.Context
	IDs       engage.IDSource
	WS, Other engage.WorkspaceID

	tx      engage.Transactor
	compare cmp.Options
}

// New makes the fixture of a case. The workspaces are new ones, because
// databases outlive a run. Same compares with the options.
func New(t *testing.T, tx engage.Transactor, compare ...cmp.Option) *Fixture {
	t.Helper()
	ids := engage.NewIDSource(engage.NewManualClock(Start), nil)
	return &Fixture{
		T: t, Ctx: t.Context(), IDs: ids, WS: engage.WorkspaceID(ids.NewID()), Other: engage.WorkspaceID(ids.NewID()),
		tx: tx, compare: append(cmp.Options{cmpopts.EquateEmpty()}, compare...),
	}
}

// Try runs fn in a transaction of WS and answers its error.
func (f *Fixture) Try(fn func(ctx context.Context) error) error {
	return f.tx.InTx(f.Ctx, f.WS, fn)
}

// In runs fn in a transaction of WS, which commits.
func (f *Fixture) In(fn func(ctx context.Context) error) {
	f.T.Helper()
	f.InOf(f.WS, fn)
}

// InOf runs fn in a transaction of a workspace, which commits.
func (f *Fixture) InOf(ws engage.WorkspaceID, fn func(ctx context.Context) error) {
	f.T.Helper()
	if err := f.tx.InTx(f.Ctx, ws, fn); err != nil {
		f.T.Fatalf("the transaction failed: %v", err)
	}
}

// No wants no error.
func (f *Fixture) No(err error) {
	f.T.Helper()
	if err != nil {
		f.T.Fatalf("unexpected error: %v", err)
	}
}

// Code wants an error of a code.
func (f *Fixture) Code(err error, want engage.Code) {
	f.T.Helper()
	if got := engage.CodeOf(err); got != want {
		f.T.Fatalf("code %q, want %q: %v", got, want, err)
	}
}

// Names wants an error that lists a field.
func (f *Fixture) Names(err error, path string) {
	f.T.Helper()
	if !slices.ContainsFunc(engage.FieldsOf(err), func(e engage.FieldError) bool { return e.Path == path }) {
		f.T.Fatalf("the error does not name %s: %v", path, err)
	}
}

// Same wants two equal values; nil and empty are equal, and nil as such equals
// an empty slice of any type.
func (f *Fixture) Same(got, want any) {
	f.T.Helper()
	if slice := reflect.ValueOf(got); want == nil && slice.Kind() == reflect.Slice && slice.Len() == 0 {
		return
	}
	if diff := cmp.Diff(want, got, f.compare); diff != "" {
		f.T.Fatalf("-want +got:\n%s", diff)
	}
}
