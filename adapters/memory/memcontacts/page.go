package memcontacts

import (
	"encoding/binary"
	"iter"
	"time"

	"github.com/go-engage/engage"
)

// step is what a list does with a row.
type step int

const (
	take step = iota
	skip
	stop
)

// collect makes a page of a walk over rows in a list's order. item answers what
// the page shows of a row and the key that a cursor behind it holds.
func collect[Row, T any](rows iter.Seq[*Row], query string, size int, judge func(*Row) step, item func(*Row) (T, []byte)) engage.Page[T] {
	var page engage.Page[T]
	var last []byte
	for row := range rows {
		switch judge(row) {
		case stop:
			return page
		case skip:
			continue
		case take:
		}
		if len(page.Items) == size {
			page.Next = engage.SealCursor(query, last)
			return page
		}
		var shown T
		shown, last = item(row)
		page.Items = append(page.Items, shown)
	}
	return page
}

// sealKey is the key of a cursor in a list ordered by an instant and an id.
func sealKey[K engage.Kind](at time.Time, id engage.ID[K]) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())), id[:]...)
}

// openKey reads what sealKey wrote.
func openKey[ID engage.ID[K], K engage.Kind](key []byte) (time.Time, ID, error) {
	id, err := openID[ID, K](key[min(8, len(key)):])
	if err != nil {
		return time.Time{}, id, err
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(key))).UTC(), id, nil
}

// openID reads the key of a cursor in a list ordered by id.
func openID[ID engage.ID[K], K engage.Kind](key []byte) (ID, error) {
	var id ID
	if len(key) != len(id) {
		var faults engage.Faults
		faults.Add("after", "invalid", "this cursor is damaged")
		return id, faults.Err("engage.Cursor", "")
	}
	copy(id[:], key)
	return id, nil
}
