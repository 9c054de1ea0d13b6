package apikeys

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestWhatAProcessRemembersIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	c, u := newCache(), &uses{}
	for i := range maxHeld + 100 {
		var id ID
		binary.BigEndian.PutUint32(id[:], uint32(i+1))
		c.put(newHeld([16]byte{1}, Key{ID: id}, now, time.Time{}), Digest(append(id[:], id[:]...)))
		u.add(now, id)
	}
	if len(c.ids) != maxHeld || len(c.digests) != maxHeld {
		t.Errorf("%d ids and %d digests, want %d", len(c.ids), len(c.digests), maxHeld)
	}
	if taken := u.take(); len(taken[now]) != maxUses {
		t.Errorf("%d uses, want %d", len(taken[now]), maxUses)
	}
	if taken := u.take(); len(taken) != 0 {
		t.Errorf("%d uses are left", len(taken))
	}
}
