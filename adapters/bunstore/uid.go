package bunstore

import (
	"encoding/hex"
	"fmt"

	"github.com/uptrace/bun/schema"
)

// UID is how an id stands in a row: uuid on PostgreSQL, BINARY(16) on MariaDB,
// BLOB on SQLite. Ids of every kind convert by cast, without cost: UID(id) and
// contacts.ID(uid). A nullable column is a UID field with the tag nullzero, not
// a pointer: zero and NULL are the same.
type UID [16]byte

var _ schema.QueryAppender = UID{}

// UIDs casts a slice of ids, for bun.List.
func UIDs[T ~[16]byte](ids []T) []UID {
	out := make([]UID, len(ids))
	for i, id := range ids {
		out[i] = UID(id)
	}
	return out
}

// IsZero reports whether the id identifies nothing.
func (u UID) IsZero() bool { return u == UID{} }

// AppendQuery writes the literal of the dialect.
func (u UID) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	if DialectOf(gen) != PostgreSQL {
		b = append(b, 'X', '\'')
		b = hex.AppendEncode(b, u[:])
		return append(b, '\''), nil
	}
	b = append(b, '\'')
	b = u.appendText(b)
	return append(b, '\''), nil
}

// appendText writes the 36 characters of RFC 9562.
func (u UID) appendText(b []byte) []byte {
	for i, end := range [5]int{4, 6, 8, 10, 16} {
		start := [5]int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, u[start:end])
	}
	return b
}

// Scan reads what any of the drivers answers: 16 bytes, 36 characters, or NULL,
// which is the zero UID.
func (u *UID) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*u = UID{}
		return nil
	case [16]byte:
		*u = v
		return nil
	case []byte:
		if len(v) == len(u) {
			copy(u[:], v)
			return nil
		}
		return u.parse(string(v))
	case string:
		if len(v) == len(u) {
			copy(u[:], v)
			return nil
		}
		return u.parse(v)
	}
	return fmt.Errorf("bunstore: %T is no id", src)
}

func (u *UID) parse(s string) error {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return fmt.Errorf("bunstore: %d characters that are no id", len(s))
	}
	var packed [32]byte
	n := 0
	for i := range len(s) {
		if s[i] != '-' && n < len(packed) {
			packed[n] = s[i]
			n++
		}
	}
	var parsed UID
	if _, err := hex.Decode(parsed[:], packed[:]); err != nil {
		return fmt.Errorf("bunstore: no id: %w", err)
	}
	*u = parsed
	return nil
}
