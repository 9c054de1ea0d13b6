package sealing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
)

// xaes is XAES-256-GCM (c2sp.org/XAES-256-GCM) of one key: each nonce of 24
// bytes derives a key of AES-256-GCM from its first half, with two blocks of
// AES, and is the nonce of that with its second half.
type xaes struct {
	block  cipher.Block
	subkey [aes.BlockSize]byte // K1 of CMAC, NIST SP 800-38B §6.1
}

// newXAES expands a key of KeyBytes, which the caller may clear afterwards.
func newXAES(key []byte) (*xaes, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	x := &xaes{block: block}
	block.Encrypt(x.subkey[:], x.subkey[:])
	carry := byte(0)
	for i := len(x.subkey) - 1; i >= 0; i-- {
		x.subkey[i], carry = x.subkey[i]<<1|carry, x.subkey[i]>>7
	}
	x.subkey[len(x.subkey)-1] ^= carry * 0x87
	return x, nil
}

// of is the AES-256-GCM that a nonce derives, and the rest of the nonce for it.
func (x *xaes) of(nonce []byte) (cipher.AEAD, []byte, error) {
	var derived [KeyBytes]byte
	for i, half := range [][]byte{derived[:aes.BlockSize], derived[aes.BlockSize:]} {
		half[1], half[2] = byte(i+1), 'X'
		copy(half[4:], nonce)
		subtle.XORBytes(half, half, x.subkey[:])
		x.block.Encrypt(half, half)
	}
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	return aead, nonce[nonceBytes-aead.NonceSize():], err
}

// seal appends the ciphertext and its tag to dst.
func (x *xaes) seal(dst, nonce, plain, bound []byte) ([]byte, error) {
	aead, rest, err := x.of(nonce)
	if err != nil {
		return nil, err
	}
	return aead.Seal(dst, rest, plain, bound), nil
}

// open answers what seal sealed under the same nonce and bound data.
func (x *xaes) open(nonce, sealed, bound []byte) ([]byte, error) {
	aead, rest, err := x.of(nonce)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, rest, sealed, bound)
}
