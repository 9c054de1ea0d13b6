package sealing

import (
	"crypto/rand"

	"github.com/go-engage/engage"
)

// format is the first byte of sealed values.
const format = 1

// header is the format and the data key's id.
const header = 1 + 16

// seal makes a sealed value under a data key.
func seal(key *xaes, ws engage.WorkspaceID, id KeyID, context string, plain []byte) ([]byte, error) {
	out := make([]byte, header+nonceBytes, Overhead+len(plain))
	out[0] = format
	copy(out[1:], id[:])
	_, _ = rand.Read(out[header:]) // never fails
	return key.seal(out, out[header:], plain, bound(ws, out[:header], context))
}

// open is the way back; a value that does not open answers ErrInvalid.
func open(key *xaes, ws engage.WorkspaceID, context string, sealed []byte) ([]byte, error) {
	plain, err := key.open(sealed[header:header+nonceBytes], sealed[header+nonceBytes:], bound(ws, sealed[:header], context))
	if err != nil {
		return nil, refused(errSealed)
	}
	return plain, nil
}

// keyOf reads which data key sealed a value; it is false for what is no sealed
// value.
func keyOf(sealed []byte) (KeyID, bool) {
	if len(sealed) < Overhead || sealed[0] != format {
		return KeyID{}, false
	}
	id := KeyID(sealed[1:header])
	return id, !id.IsZero()
}

// bound is what is authenticated beside the value: everything before the context
// has a fixed length, so two places never read alike.
func bound(ws engage.WorkspaceID, head []byte, context string) []byte {
	b := make([]byte, 0, 64+len(context))
	b = append(b, "engage sealed value"...)
	b = append(b, ws[:]...)
	b = append(b, head...)
	return append(b, context...)
}
