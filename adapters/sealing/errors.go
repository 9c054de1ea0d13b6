package sealing

import (
	"errors"

	"github.com/go-engage/engage"
)

var (
	errSealed    = errors.New("the value was changed, moved, or sealed under a key that is erased")
	errWrapped   = errors.New("the data key was changed, or wrapped for another place")
	errKeyLength = errors.New("the key is not of 32 bytes")
)

// refused is what Open answers about every value that does not open, so that the
// answer tells nothing of why.
func refused(cause error) error {
	return &engage.Error{Code: engage.Invalid, Op: "sealing.Open", Err: cause}
}
