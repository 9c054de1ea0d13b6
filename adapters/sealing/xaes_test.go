package sealing

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// TestTheCipherIsXAES256GCM takes the vectors of c2sp.org/XAES-256-GCM: the first
// has the top bit of L unset, the second set.
func TestTheCipherIsXAES256GCM(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, bound, want string
		key               byte
	}{
		{"without a carry", "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271", 1},
		{"with a carry", "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x, err := newXAES(bytes.Repeat([]byte{c.key}, KeyBytes))
			if err != nil {
				t.Fatal(err)
			}
			nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
			sealed, err := x.seal(nil, nonce, []byte("XAES-256-GCM"), []byte(c.bound))
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(sealed); got != c.want {
				t.Errorf("sealed %s, want %s", got, c.want)
			}
			plain, err := x.open(nonce, sealed, []byte(c.bound))
			if err != nil || string(plain) != "XAES-256-GCM" {
				t.Errorf("opened %q, %v", plain, err)
			}
		})
	}
}
