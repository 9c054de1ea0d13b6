package porttest

import (
	"encoding/json"
	"testing"
)

// Dump is what ports answered, as JSON lines.
type Dump struct {
	t   *testing.T
	out []byte
}

// NewDump makes an empty dump. Adding to it fails the test on an error.
func NewDump(t *testing.T) *Dump {
	t.Helper()
	return &Dump{t: t}
}

// Add adds an answer.
func (d *Dump) Add(kind string, item any, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("dump of %s: %v", kind, err)
	}
	line, err := json.Marshal(item)
	if err != nil {
		d.t.Fatalf("dump of %s: %v", kind, err)
	}
	d.out = append(append(append(d.out, kind+" "...), line...), '\n')
}

// String is the lines.
func (d *Dump) String() string { return string(d.out) }
