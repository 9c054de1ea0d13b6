package buncontacts

import (
	"encoding/binary"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// open begins a list: it checks the request and answers the key of its cursor,
// nil at the beginning, and the page's size.
func open(op string, ws engage.WorkspaceID, query string, request engage.PageRequest, items int) (after []byte, size int, err error) {
	if err := engage.CheckCall(op, ws, items); err != nil {
		return nil, 0, err
	}
	if after, err = request.After.Open(query); err != nil {
		return nil, 0, err
	}
	size, err = request.Size()
	return after, size, err
}

// byID and byTime order a list by one column of ids, or by one of instants and
// then by id. after is a cursor's key, nil at the beginning.
func byID(q *bun.SelectQuery, column string, after []byte, size int, descending bool) (*bun.SelectQuery, error) {
	set := bunstore.Keyset{Columns: []string{column}, Desc: descending}
	if after == nil {
		return set.Apply(q, size), nil
	}
	id, err := openID(after)
	if err != nil {
		return nil, err
	}
	return set.Apply(q, size, id), nil
}

func byTime(q *bun.SelectQuery, column string, after []byte, size int, descending bool) (*bun.SelectQuery, error) {
	set := bunstore.Keyset{Columns: []string{column, "id"}, Desc: descending}
	if after == nil {
		return set.Apply(q, size), nil
	}
	at, id, err := openKey(after)
	if err != nil {
		return nil, err
	}
	return set.Apply(q, size, bunstore.Micros(at), id), nil
}

// sealKey is the key of a cursor in a list ordered by an instant and an id.
func sealKey(at bunstore.Micros, id bunstore.UID) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(at.Time().UnixMicro())), id[:]...)
}

// openKey reads what sealKey wrote.
func openKey(key []byte) (time.Time, bunstore.UID, error) {
	id, err := openID(key[min(8, len(key)):])
	if err != nil {
		return time.Time{}, id, err
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(key))).UTC(), id, nil
}

// openID reads the key of a cursor in a list ordered by id.
func openID(key []byte) (bunstore.UID, error) {
	var id bunstore.UID
	if len(key) != len(id) {
		var faults engage.Faults
		faults.Add("after", "invalid", "this cursor is damaged")
		return id, faults.Err("engage.Cursor", "")
	}
	copy(id[:], key)
	return id, nil
}
