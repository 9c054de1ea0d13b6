package events

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"github.com/google/uuid"
)

// IDOf is the id of the event with a client's message id: the UUID that it is,
// else a version-8 UUID (RFC 9562) of its SHA-256, led by the millisecond
// timestamp that many clients write into their message ids, so that ids of one
// time are stored near each other.
func IDOf(messageID string) ID {
	if len(messageID) == 36 {
		if u, err := uuid.Parse(messageID); err == nil && u != uuid.Nil {
			return ID(u)
		}
	}
	sum := sha256.Sum256([]byte(messageID))
	var id ID
	copy(id[:], sum[:])
	if ms, ok := timestampIn(messageID); ok {
		var lead [8]byte
		binary.BigEndian.PutUint64(lead[:], ms<<16)
		copy(id[:6], lead[:6])
	}
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// timestampIn finds 13 digits that stand alone and are milliseconds of the years
// 2001 to 2286.
func timestampIn(s string) (uint64, bool) {
	for start := 0; start < len(s); {
		end := start
		for end < len(s) && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		if end-start == 13 && s[start] != '0' {
			ms, err := strconv.ParseUint(s[start:end], 10, 64)
			return ms, err == nil
		}
		start = max(end, start+1)
	}
	return 0, false
}
