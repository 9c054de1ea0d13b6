package sealing_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"testing"
)

// BenchmarkSeal and BenchmarkOpen compare with their floor, AES-256-GCM as it is,
// with a random nonce and the same bound data, on a secret of 64 bytes.
func BenchmarkSeal(b *testing.B) {
	bundle, plain := setup(b), make([]byte, 64)
	bundle.seal(b, "")
	b.Run("floor", func(b *testing.B) {
		aead := floor(b)
		b.ReportAllocs()
		for b.Loop() {
			floorSeal(aead, plain)
		}
	})
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bundle.Seal(b.Context(), bundle.ws, place, plain); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	bundle, plain := setup(b), make([]byte, 64)
	b.Run("floor", func(b *testing.B) {
		aead := floor(b)
		sealed := floorSeal(aead, plain)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := aead.Open(nil, sealed[:12], sealed[12:], []byte(place)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ours", func(b *testing.B) {
		sealed := bundle.seal(b, string(plain))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := bundle.Open(b.Context(), bundle.ws, place, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func floor(b *testing.B) cipher.AEAD {
	b.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	no(b, err)
	aead, err := cipher.NewGCM(block)
	no(b, err)
	return aead
}

func floorSeal(aead cipher.AEAD, plain []byte) []byte {
	nonce := make([]byte, 12, 12+len(plain)+16)
	_, _ = rand.Read(nonce)
	return aead.Seal(nonce, nonce, plain, []byte(place))
}
