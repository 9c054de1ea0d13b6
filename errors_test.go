package engage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-engage/engage"
)

var codes = map[engage.Code]error{
	engage.NotFound: engage.ErrNotFound, engage.AlreadyExists: engage.ErrAlreadyExists, engage.Invalid: engage.ErrInvalid,
	engage.Conflict: engage.ErrConflict, engage.FailedPrecondition: engage.ErrFailedPrecondition, engage.PermissionDenied: engage.ErrPermissionDenied,
	engage.Unauthenticated: engage.ErrUnauthenticated, engage.ResourceExhausted: engage.ErrResourceExhausted, engage.Unavailable: engage.ErrUnavailable,
	engage.Unimplemented: engage.ErrUnimplemented, engage.Internal: engage.ErrInternal,
}

func TestAnError(t *testing.T) {
	t.Parallel()
	t.Run("is its code's sentinel and its cause, and no other sentinel", func(t *testing.T) {
		t.Parallel()
		for code, sentinel := range codes {
			err := fmt.Errorf("wrapped: %w", &engage.Error{Code: code, Op: "test.Do", Err: io.ErrUnexpectedEOF})
			if !errors.Is(err, io.ErrUnexpectedEOF) || engage.CodeOf(err) != code {
				t.Errorf("%s: %v", code, err)
			}
			for other, sentinel := range codes {
				if is := errors.Is(err, sentinel); is != (other == code) {
					t.Errorf("%s is the sentinel of %s: %t", code, other, is)
				}
			}
			if engage.CodeOf(fmt.Errorf("wrapped: %w", sentinel)) != code {
				t.Errorf("the sentinel of %s has another code", code)
			}
		}
	})
	t.Run("has a code whatever it is", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			err  error
			want engage.Code
		}{
			{nil, ""},
			{io.EOF, engage.Internal},
			{context.Canceled, engage.Unavailable},
			{fmt.Errorf("%w", context.DeadlineExceeded), engage.Unavailable},
			{errors.Join(io.EOF, engage.ErrConflict), engage.Conflict},
			{&engage.Error{Code: engage.NotFound, Err: &engage.Error{Code: engage.Internal}}, engage.NotFound},
			{&engage.PartialError{Err: engage.ErrUnavailable}, engage.Unavailable},
		} {
			if got := engage.CodeOf(c.err); got != c.want {
				t.Errorf("%v has the code %q, want %q", c.err, got, c.want)
			}
		}
	})
	t.Run("of an unknown code is an internal one", func(t *testing.T) {
		t.Parallel()
		if err := (&engage.Error{Code: "novel"}); !errors.Is(err, engage.ErrInternal) {
			t.Errorf("%v", err)
		}
	})
	t.Run("reads as one line: operation, entity, code, the first faults, cause", func(t *testing.T) {
		t.Parallel()
		var faults engage.Faults
		for i := range 5 {
			faults.Add(fmt.Sprintf("items[%d]", i), "required", "number %d", i)
		}
		err := &engage.Error{Code: engage.FailedPrecondition, Op: "test.Do", Entity: "contact con_1", Fields: faults, Err: io.EOF}
		want := "test.Do: contact con_1: failed precondition; items[0]: number 0; items[1]: number 1; items[2]: number 2; and 2 more: EOF"
		if err.Error() != want {
			t.Errorf("got %q", err.Error())
		}
		if err := (&engage.Error{Code: engage.NotFound}); err.Error() != "not found" {
			t.Errorf("got %q", err.Error())
		}
	})
}

func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("are no error while there are none, and one error of all of them", func(t *testing.T) {
		t.Parallel()
		var faults engage.Faults
		if err := faults.Err("test.Do", "x"); err != nil {
			t.Fatal(err)
		}
		faults.Add("a", "required", "is missing")
		faults.Add("b", "too_long", "%d bytes", 7)
		err := fmt.Errorf("wrapped: %w", faults.Err("test.Do", "x"))
		if got := engage.FieldsOf(err); !errors.Is(err, engage.ErrInvalid) || len(got) != 2 || got[1] != (engage.FieldError{Path: "b", Code: "too_long", Message: "7 bytes"}) {
			t.Errorf("%v", err)
		}
		if engage.FieldsOf(io.EOF) != nil {
			t.Error("another error has fields")
		}
	})
	t.Run("of a call are the zero workspace and too many items", func(t *testing.T) {
		t.Parallel()
		if err := engage.CheckCall("test.Do", engage.WorkspaceID{1}, engage.MaxBatch); err != nil {
			t.Error(err)
		}
		if got := engage.FieldsOf(engage.CheckCall("test.Do", engage.WorkspaceID{}, engage.MaxBatch+1)); len(got) != 2 {
			t.Errorf("%v", got)
		}
	})
}

func TestAPartialError(t *testing.T) {
	t.Parallel()
	t.Run("says how far the call came, and why no further", func(t *testing.T) {
		t.Parallel()
		err := error(&engage.PartialError{Done: 2000, Err: &engage.Error{Code: engage.Unavailable, Op: "test.Do"}})
		if err.Error() != "stopped after 2000 items: test.Do: unavailable" || !errors.Is(err, engage.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
}

func TestPanicError(t *testing.T) {
	t.Parallel()
	t.Run("holds the panic and where it came from", func(t *testing.T) {
		t.Parallel()
		err := engage.PanicError("test.Do", "boom")
		if !errors.Is(err, engage.ErrInternal) || !strings.Contains(err.Error(), "panic: boom") || !strings.Contains(err.Error(), "errors_test.go") {
			t.Errorf("%v", err)
		}
	})
}
