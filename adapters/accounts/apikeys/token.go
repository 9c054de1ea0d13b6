package apikeys

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"log/slog"

	"github.com/go-engage/engage"
)

// The parts of a key's text, in characters.
const (
	prefixLength = 5
	idLength     = 26
	secretLength = 52
	checkLength  = 7
	headLength   = prefixLength + idLength
	bodyLength   = headLength + secretLength
	tokenLength  = bodyLength + checkLength
)

// secretBytes is the entropy of a key, 256 bits.
const secretBytes = 32

// letters is the alphabet of ids.
var letters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Digest is the SHA-256 of a key's whole text. It prints as ***: nobody can use
// it, and nobody has to see it.
type Digest [sha256.Size]byte

// String is ***.
func (Digest) String() string { return "***" }

// GoString is ***.
func (Digest) GoString() string { return "***" }

// MarshalText is ***.
func (Digest) MarshalText() ([]byte, error) { return []byte("***"), nil }

// LogValue is ***.
func (Digest) LogValue() slog.Value { return slog.StringValue("***") }

// digestOf hashes a key's text.
func digestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

// mint makes the text of a key.
func mint(kind Kind, id ID) (engage.Secret, Digest) {
	var random [secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	token := write(kind, id, random)
	return engage.NewSecret(token), digestOf(token)
}

func write(kind Kind, id ID, secret [secretBytes]byte) string {
	b := append(make([]byte, 0, tokenLength), kind.prefix()...)
	b = letters.AppendEncode(b, id[:])
	b = letters.AppendEncode(b, secret[:])
	return string(letters.AppendEncode(b, checkOf(b)))
}

func checkOf(body []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body))
}

// read answers the id in a key's text, or false for a text that is no key. Only
// the spelling that write makes is one.
func read(token string) (ID, bool) {
	var id ID
	if len(token) != tokenLength {
		return id, false
	}
	var kind Kind
	switch token[:prefixLength] {
	case WriteKey.prefix():
		kind = WriteKey
	case SecretKey.prefix():
		kind = SecretKey
	default:
		return id, false
	}
	var secret [secretBytes]byte
	if _, err := letters.Decode(id[:], []byte(token[prefixLength:headLength])); err != nil {
		return ID{}, false
	}
	if _, err := letters.Decode(secret[:], []byte(token[headLength:bodyLength])); err != nil {
		return ID{}, false
	}
	if id.IsZero() || write(kind, id, secret) != token {
		return ID{}, false
	}
	return id, true
}
