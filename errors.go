package engage

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Code classifies an error for programs. The set is frozen: edges map each
// code to one status, and callers branch on the sentinel of a code
// (errors.Is(err, engage.ErrNotFound)), never on text.
type Code string

// The codes, each with the sentinel that errors.Is finds.
const (
	NotFound           Code = "not_found"           // no such object in this workspace
	AlreadyExists      Code = "already_exists"      // an id or unique key is taken
	Invalid            Code = "invalid"             // the input is wrong; Fields says where
	Conflict           Code = "conflict"            // the version changed meanwhile; read again
	FailedPrecondition Code = "failed_precondition" // not in this state, or no transaction
	PermissionDenied   Code = "permission_denied"   // the actor may not
	Unauthenticated    Code = "unauthenticated"     // nobody, or a bad credential
	ResourceExhausted  Code = "resource_exhausted"  // over a limit or a full queue; later
	Unavailable        Code = "unavailable"         // a dependency failed; retrying may help
	Unimplemented      Code = "unimplemented"       // this adapter can't
	Internal           Code = "internal"            // a bug or corrupt data
)

// One sentinel a code.
var (
	ErrNotFound           = errors.New("not found")
	ErrAlreadyExists      = errors.New("already exists")
	ErrInvalid            = errors.New("invalid")
	ErrConflict           = errors.New("conflict")
	ErrFailedPrecondition = errors.New("failed precondition")
	ErrPermissionDenied   = errors.New("permission denied")
	ErrUnauthenticated    = errors.New("unauthenticated")
	ErrResourceExhausted  = errors.New("resource exhausted")
	ErrUnavailable        = errors.New("unavailable")
	ErrUnimplemented      = errors.New("unimplemented")
	ErrInternal           = errors.New("internal error")
)

var sentinels = map[Code]error{
	NotFound: ErrNotFound, AlreadyExists: ErrAlreadyExists, Invalid: ErrInvalid, Conflict: ErrConflict,
	FailedPrecondition: ErrFailedPrecondition, PermissionDenied: ErrPermissionDenied,
	Unauthenticated: ErrUnauthenticated, ResourceExhausted: ErrResourceExhausted,
	Unavailable: ErrUnavailable, Unimplemented: ErrUnimplemented, Internal: ErrInternal,
}

// Error is what the suite's packages answer. It never holds a secret.
type Error struct {
	Code   Code
	Op     string       // the operation, as "contacts.Create"
	Entity string       // the object, as "contact con_…"; may be empty
	Fields []FieldError // what is wrong with the input, for Invalid, AlreadyExists and Conflict
	Err    error        // the cause; may be nil
}

// FieldError is one fault of an input.
type FieldError struct {
	// Path leads to the value, as "email" or "items[3].attributes.plan".
	Path string `json:"path"`
	// Code is a stable word for programs, as "required" or "too_long".
	Code string `json:"code"`
	// Message is for people.
	Message string `json:"message"`
}

// String is "path: message".
func (f FieldError) String() string { return f.Path + ": " + f.Message }

// Error is one line: operation, entity, code, fields, cause.
func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Op, e.Entity} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(strings.ReplaceAll(string(e.Code), "_", " "))
	for i, f := range e.Fields {
		if i == 3 {
			fmt.Fprintf(&b, "; and %d more", len(e.Fields)-i)
			break
		}
		b.WriteString("; " + f.String())
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause and the code's sentinel.
func (e *Error) Unwrap() []error {
	sentinel := sentinels[e.Code]
	if sentinel == nil {
		sentinel = ErrInternal
	}
	if e.Err == nil {
		return []error{sentinel}
	}
	return []error{e.Err, sentinel}
}

// CodeOf is the code of err: that of the first *Error in its tree, else the one
// whose sentinel it wraps, else Internal. A context's error is Unavailable. For
// nil it is "".
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	for code, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			return code
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Unavailable
	}
	return Internal
}

// FieldsOf are the field faults of the first *Error in err's tree.
func FieldsOf(err error) []FieldError {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fields
	}
	return nil
}

// Faults collects what is wrong with an input, so that all of it is reported at
// once. The zero value is ready to use.
type Faults []FieldError

// Add notes a fault at path.
func (f *Faults) Add(path, code, format string, args ...any) {
	*f = append(*f, FieldError{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
}

// Err is nil without faults, else an *Error of code Invalid that lists them.
func (f Faults) Err(op, entity string) error {
	if len(f) == 0 {
		return nil
	}
	return &Error{Code: Invalid, Op: op, Entity: entity, Fields: f}
}

// PartialError says that a call above a port's batch limit stopped between two
// chunks: the first Done items are committed, the others had no effect.
type PartialError struct {
	Done int
	Err  error
}

// Error names the count and the cause.
func (e *PartialError) Error() string {
	return fmt.Sprintf("stopped after %d items: %v", e.Done, e.Err)
}

// Unwrap is the cause.
func (e *PartialError) Unwrap() error { return e.Err }
