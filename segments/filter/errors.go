package filter

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-engage/engage"
)

// Codes of the faults that Parse, Build and Validate list in an *engage.Error of
// code engage.Invalid. A fault's Path is the JSON Pointer of the place in the
// document; "" is the whole.
const (
	FaultSyntax        = "syntax"         // not JSON, trailing data, NUL, invalid UTF-8
	FaultDuplicate     = "duplicate"      // a key occurs twice in one object
	FaultUnknown       = "unknown"        // no such field, operator, type or word
	FaultUnsupported   = "unsupported"    // reserved by the language, absent from this version
	FaultRequired      = "required"       // missing or empty
	FaultType          = "wrong_type"     // another JSON type or value type is wanted
	FaultInvalid       = "invalid"        // the right type, but no such value
	FaultOutOfRange    = "out_of_range"   // beyond a bound, or ends in the wrong order
	FaultTooLong       = "too_long"       // more bytes or items than allowed
	FaultTooDeep       = "too_deep"       // nested deeper than allowed
	FaultTooMany       = "too_many"       // more conditions than allowed
	FaultNotApplicable = "not_applicable" // means nothing beside the other fields
	FaultMisplaced     = "misplaced"      // a property outside of, or another leaf inside, an event's where
	FaultConstant      = "constant"       // always true, whatever the contact
)

// faults collects faults, the first one at each path: what follows from it
// there is not worth a reader's time.
type faults struct {
	list engage.Faults
	seen map[string]bool
}

func (f *faults) add(path, code, format string, args ...any) {
	if f.seen[path] {
		return
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[path] = true
	f.list.Add(path, code, format, args...)
}

func (f *faults) err(op string) error {
	slices.SortStableFunc(f.list, func(a, b engage.FieldError) int { return strings.Compare(a.Path, b.Path) })
	return f.list.Err(op, "")
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// child is the JSON Pointer of an object's field.
func child(path, key string) string { return path + "/" + pointerEscapes.Replace(key) }

// item is the JSON Pointer of an array's element.
func item(path string, i int) string { return path + "/" + strconv.Itoa(i) }

// clip shortens what a message quotes.
func clip(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
