package engage

import (
	"context"
	"encoding/base64"
	"hash/fnv"
	"iter"
)

// Page sizes, the same for every list of the suite.
const (
	DefaultPageSize = 50
	MaxPageSize     = 500
)

// Cursor continues a list where a page ended. It is opaque and bound to the
// query that made it: with another one it answers ErrInvalid. The zero Cursor
// starts at the beginning.
type Cursor string

// PageRequest asks for a part of a list.
type PageRequest struct {
	After Cursor // where to go on; zero: the beginning
	Limit int    // items a page; 0: DefaultPageSize; at most MaxPageSize
}

// Size is the number of items asked for; a limit outside 0..MaxPageSize answers
// ErrInvalid.
func (r PageRequest) Size() (int, error) {
	if r.Limit < 0 || r.Limit > MaxPageSize {
		var faults Faults
		faults.Add("limit", "out_of_range", "want 1 to %d, or 0 for %d", MaxPageSize, DefaultPageSize)
		return 0, faults.Err("engage.PageRequest", "")
	}
	if r.Limit == 0 {
		return DefaultPageSize, nil
	}
	return r.Limit, nil
}

// Page is one part of a list. Next is zero on the last one. Pages are keyed, not
// counted: rows that come or go between two calls neither repeat nor hide
// another row.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  Cursor `json:"next,omitzero"`
}

// SealCursor makes the cursor of a query whose page ended at key. Adapters call
// it; query names the list and everything that filters or orders it.
func SealCursor(query string, key []byte) Cursor {
	return Cursor(base64.RawURLEncoding.EncodeToString(append(queryMark(query), key...)))
}

// Open answers the key that SealCursor was given, nil for the zero Cursor, or
// ErrInvalid when the cursor belongs to another query.
func (c Cursor) Open(query string) ([]byte, error) {
	if c == "" {
		return nil, nil
	}
	mark := queryMark(query)
	raw, err := base64.RawURLEncoding.DecodeString(string(c))
	if err != nil || len(raw) < len(mark) || string(raw[:len(mark)]) != string(mark) || base64.RawURLEncoding.EncodeToString(raw) != string(c) {
		var faults Faults
		faults.Add("after", "invalid", "this cursor belongs to another list or is damaged")
		return nil, faults.Err("engage.Cursor", "")
	}
	return raw[len(mark):], nil
}

func queryMark(query string) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(query))
	return h.Sum(nil)
}

// Walk answers every item of a list, MaxPageSize a call of page. It stops at the
// first error, which it yields with the zero item.
func Walk[T any](ctx context.Context, page func(context.Context, PageRequest) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		request := PageRequest{Limit: MaxPageSize}
		for {
			got, err := page(ctx, request)
			if err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range got.Items {
				if !yield(item, nil) {
					return
				}
			}
			if got.Next == "" {
				return
			}
			request.After = got.Next
		}
	}
}
