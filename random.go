package engage

import (
	"bufio"
	"crypto/rand"
	"io"
)

// newRandom buffers the system's random bytes, 4 KiB a read; a source that a
// caller gave is read as it is, so that its sequence stays his.
func newRandom(random io.Reader) io.Reader {
	if random != nil {
		return random
	}
	return bufio.NewReaderSize(rand.Reader, 4096)
}
