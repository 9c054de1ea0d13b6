package pgxarrays

import (
	"fmt"
	"time"

	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/jackc/pgx/v5"
)

// Binder is the bunstore.ArrayBinder of pgx's database/sql driver. Statements
// stay prepared on their connection, so their text should be constant. The
// hooks of bun do not see them.
type Binder struct{}

var _ bunstore.ArrayBinder = Binder{}

// Bind implements bunstore.ArrayBinder.
func (Binder) Bind(query string, arrays []any) (string, []any, error) {
	args := make([]any, 0, len(arrays)+1)
	args = append(args, pgx.QueryExecModeCacheStatement)
	for _, array := range arrays {
		arg, err := encodable(array)
		if err != nil {
			return "", nil, err
		}
		args = append(args, arg)
	}
	return query, args, nil
}

// encodable gives pgx the types that it encodes without reflection: an id costs
// 0.07 µs as [16]byte and 1.34 µs as a driver.Valuer.
func encodable(array any) (any, error) {
	switch values := array.(type) {
	case []bunstore.UID:
		return nullable(values, bunstore.UID.IsZero, func(v bunstore.UID) [16]byte { return v }), nil
	case []bunstore.Micros:
		return nullable(values, bunstore.Micros.IsZero, func(v bunstore.Micros) time.Time { return v.Time() }), nil
	case []bunstore.Text:
		return convert(values, func(v bunstore.Text) string { return string(v) }), nil
	case []bunstore.Key:
		return convert(values, func(v bunstore.Key) string { return string(v) }), nil
	case []bunstore.JSON:
		return nullable(values, func(v bunstore.JSON) bool { return v == nil }, func(v bunstore.JSON) string { return string(v) }), nil
	case []string:
		return values, nil
	case [][]byte, []int64, []int, []float64, []bool:
		return values, nil
	default:
		return nil, fmt.Errorf("pgxarrays: an array of %T is not supported", array)
	}
}

func convert[T, V any](values []T, to func(T) V) []V {
	out := make([]V, len(values))
	for i, v := range values {
		out[i] = to(v)
	}
	return out
}

// nullable answers plain values when none is NULL, which is much the cheaper
// form, and pointers else.
func nullable[T, V any](values []T, null func(T) bool, to func(T) V) any {
	out := convert(values, to)
	for i := range values {
		if !null(values[i]) {
			continue
		}
		pointers := make([]*V, len(out))
		for j := range out {
			if !null(values[j]) {
				pointers[j] = &out[j]
			}
		}
		return pointers
	}
	return out
}
