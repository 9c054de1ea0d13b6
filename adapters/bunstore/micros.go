package bunstore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun/schema"
)

// Micros is how an instant stands in a row: timestamptz on PostgreSQL, BIGINT
// microseconds since 1970 elsewhere, so that no driver or server setting can
// shift it. Instants convert by cast: Micros(t) and time.Time(m). The zero time
// is NULL and NULL the zero time. What is finer than a microsecond is cut off.
type Micros time.Time

var _ schema.QueryAppender = Micros{}

// IsZero reports whether there is no instant.
func (m Micros) IsZero() bool { return time.Time(m).IsZero() }

// Time is the instant, in UTC.
func (m Micros) Time() time.Time { return time.Time(m) }

// AppendQuery writes the literal of the dialect.
func (m Micros) AppendQuery(gen schema.QueryGen, b []byte) ([]byte, error) {
	t := time.Time(m)
	if t.IsZero() {
		return append(b, "NULL"...), nil
	}
	if DialectOf(gen) == PostgreSQL {
		b = append(b, '\'')
		b = m.appendText(b)
		return append(b, '\''), nil
	}
	n := floorMicros(t)
	if n < 0 && len(b) > 0 && b[len(b)-1] == '-' {
		b = append(b, ' ') // "col - ?" must not become a comment
	}
	return strconv.AppendInt(b, n, 10), nil
}

// appendText writes what PostgreSQL reads.
func (m Micros) appendText(b []byte) []byte {
	return time.Time(m).UTC().Truncate(time.Microsecond).AppendFormat(b, "2006-01-02 15:04:05.999999+00")
}

// floorMicros cuts in the same direction as Truncate does, also before 1970.
func floorMicros(t time.Time) int64 { return t.Truncate(time.Microsecond).UnixMicro() }

// Scan reads what any of the drivers answers.
func (m *Micros) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*m = Micros{}
	case time.Time:
		*m = Micros(v.UTC().Truncate(time.Microsecond))
	case int64:
		*m = Micros(time.UnixMicro(v).UTC())
	case []byte:
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return fmt.Errorf("bunstore: no instant: %w", err)
		}
		*m = Micros(time.UnixMicro(n).UTC())
	default:
		return fmt.Errorf("bunstore: %T is no instant", src)
	}
	return nil
}
