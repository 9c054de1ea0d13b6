package engage

import (
	"fmt"
	"runtime/debug"
)

// PanicError makes an error of code Internal of a recovered panic of a host's
// callback or a worker's step. Its cause holds the stack.
func PanicError(op string, value any) error {
	return &Error{Code: Internal, Op: op, Err: fmt.Errorf("panic: %v\n%s", value, debug.Stack())}
}
