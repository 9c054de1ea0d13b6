package bunstore_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/pgxarrays"
	"github.com/go-engage/engage/internal/testkit"
	"github.com/uptrace/bun"
)

func (b *testBundle) insert(ctx context.Context, rows ...*probe) error {
	return b.InTx(ctx, b.ws, func(ctx context.Context) error {
		db, err := b.Write(ctx, b.ws)
		if err != nil {
			return err
		}
		_, err = db.NewInsert().Model(&rows).Exec(ctx)
		return bunstore.MapError(ctx, "test.insert", "probe", err)
	})
}

func (b *testBundle) get(t *testing.T, id bunstore.UID) probe {
	t.Helper()
	db, err := b.Read(t.Context(), b.ws)
	if err != nil {
		t.Fatal(err)
	}
	var got probe
	if err := db.NewSelect().Model(&got).Where("id = ?", id).Where("id IN (?)", bun.List([]bunstore.UID{id})).Scan(t.Context()); err != nil {
		t.Fatal(err)
	}
	return got
}

func sameJSON(t *testing.T, a, b bunstore.JSON) bool {
	t.Helper()
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	decode := func(j bunstore.JSON) (v any) {
		d := json.NewDecoder(bytes.NewReader(j))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	return reflect.DeepEqual(decode(a), decode(b))
}

func TestValuesComeBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 3*3600)
	texts := []string{
		"", "alice", "Alice", "alice ", " alice", "ålice", "😀", "😁", "I", "ı", "it's", `back\slash`, `\'; --`, "?", "?0", `"`, "%", "_",
		"tab\tnew\nline\r", "\u200b", "ﬁ", strings.Repeat("é", 127),
	}
	times := []time.Time{
		{},
		time.Unix(0, 0).UTC(), time.Unix(0, -1000).UTC(), time.Date(2026, 7, 1, 12, 0, 0, 123456789, zone),
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		time.Date(1900, 2, 28, 0, 0, 0, 999999999, time.UTC),
	}
	documents := []string{
		`{"a":1,"b":[null,true,"x'y\\z"],"c":{"d":"\u00e9😀"}}`, `"text"`, `null`, `9007199254740993`, `12345678901234567890.123456789`, `[]`, `{}`,
		`"\\u0000"`, `{"k":"? ?0 it''s"}`,
	}
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		var rows []*probe
		add := func(p probe) {
			p.ID = b.ids.NewID()
			if len(rows)%2 == 1 {
				p.Owner = rows[0].ID
			}
			rows = append(rows, &p)
		}
		for _, s := range texts {
			add(probe{Key: bunstore.Key(s), Text: bunstore.Text(s)})
		}
		for _, at := range times {
			add(probe{Key: bunstore.Key(at.String()), At: bunstore.Micros(at)})
		}
		for _, doc := range documents {
			add(probe{Key: bunstore.Key(doc), JSON: bunstore.JSON(doc)})
		}
		if err := b.insert(t.Context(), rows...); err != nil {
			t.Fatal(err)
		}
		for _, want := range rows {
			got := b.get(t, want.ID)
			if got.ID != want.ID || got.Owner != want.Owner || got.Key != want.Key || got.Text != want.Text {
				t.Errorf("got %+v, want %+v", got, *want)
			}
			if at := engage.Instant(want.At.Time()); got.At.Time() != at {
				t.Errorf("got the instant %v, want %v", got.At.Time(), at)
			}
			if !sameJSON(t, got.JSON, want.JSON) {
				t.Errorf("got %s, want %s", got.JSON, want.JSON)
			}
		}
		var nulls int
		if err := db.Write.NewRaw("SELECT COUNT(*) FROM probes WHERE owner_id IS NULL").Scan(t.Context(), &nulls); err != nil || nulls != (len(rows)+1)/2 {
			t.Errorf("%d rows have no owner, want %d (%v)", nulls, (len(rows)+1)/2, err)
		}
	})
}

func TestErrorsHaveCodes(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		first := b.probe("first")
		if err := b.insert(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		orphan := b.probe("orphan")
		orphan.Owner = b.ids.NewID()
		child := b.probe("child")
		child.Owner = first.ID
		for name, c := range map[string]struct {
			row  probe
			want engage.Code
		}{
			"a taken primary key":      {probe{ID: first.ID, Key: "other"}, engage.AlreadyExists},
			"a taken unique key":       {probe{ID: b.ids.NewID(), Key: "first"}, engage.AlreadyExists},
			"a missing parent":         {*orphan, engage.FailedPrecondition},
			"a broken check":           {probe{ID: b.ids.NewID(), Key: "bad", Text: "bad"}, engage.Invalid},
			"a NUL byte":               {probe{ID: b.ids.NewID(), Key: "nul", Text: "a\x00b"}, engage.Invalid},
			"a NUL byte in a key":      {probe{ID: b.ids.NewID(), Key: "a\x00b"}, engage.Invalid},
			"text that is not UTF-8":   {probe{ID: b.ids.NewID(), Key: "utf", Text: "a\xffb"}, engage.Invalid},
			"a key that is too long":   {probe{ID: b.ids.NewID(), Key: bunstore.Key(strings.Repeat("x", 256))}, engage.Invalid},
			"JSON with an escaped NUL": {probe{ID: b.ids.NewID(), Key: "json", JSON: bunstore.JSON(`"\u0000"`)}, engage.Invalid},
		} {
			t.Run(name, func(t *testing.T) {
				err := b.insert(t.Context(), &c.row)
				wantCode(t, err, c.want)
				var e *engage.Error
				if !errors.As(err, &e) || strings.ContainsRune(err.Error(), 0) {
					t.Errorf("the error is %q", err)
				}
			})
		}
		t.Run("a parent that is still referenced", func(t *testing.T) {
			if err := b.insert(t.Context(), child); err != nil {
				t.Fatal(err)
			}
			_, err := db.Write.NewDelete().Model(first).WherePK().Exec(t.Context())
			wantCode(t, bunstore.MapError(t.Context(), "test.delete", "", err), engage.FailedPrecondition)
		})
		t.Run("a row that is not there", func(t *testing.T) {
			c, _ := b.Read(t.Context(), b.ws)
			err := c.NewSelect().Model(&probe{}).Where("id = ?", bunstore.UID(b.ids.NewID())).Scan(t.Context())
			wantCode(t, bunstore.MapError(t.Context(), "test.get", "", err), engage.NotFound)
		})
		t.Run("a read with a NUL byte", func(t *testing.T) {
			c, _ := b.Read(t.Context(), b.ws)
			_, err := c.NewSelect().Model(&probe{}).Where("natural_key = ?", bunstore.Key("\x00")).Exists(t.Context())
			wantCode(t, bunstore.MapError(t.Context(), "test.get", "", err), engage.Invalid)
		})
		t.Run("a canceled context passes through", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := db.Write.ExecContext(ctx, "SELECT 1")
			if err := bunstore.MapError(ctx, "test", "", err); !errors.Is(err, context.Canceled) {
				t.Errorf("err is %v", err)
			}
		})
		t.Run("a closed pool is unavailable", func(t *testing.T) {
			pool := db.Reopen(t)
			conn, err := pool.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			_, err = conn.ExecContext(t.Context(), "SELECT 1")
			wantCode(t, bunstore.MapError(t.Context(), "test", "", err), engage.Unavailable)
		})
	})
}

func TestInsertNew(t *testing.T) {
	t.Parallel()
	testkit.Each(t, func(t *testing.T, db *testkit.Database) {
		b := setup(t, db)
		insertNew := func(rows []probe, key ...string) (fresh []bool, err error) {
			err = b.InTx(t.Context(), b.ws, func(ctx context.Context) error {
				c, err := b.Write(ctx, b.ws)
				if err != nil {
					return err
				}
				fresh, err = bunstore.InsertNew(ctx, c, rows, key...)
				return err
			})
			return fresh, err
		}
		a, c, d := *b.probe("a"), *b.probe("c"), *b.probe("d")
		for _, step := range []struct {
			rows []probe
			want []bool
		}{
			{[]probe{c, a}, []bool{true, true}},
			{[]probe{d, c, d, a}, []bool{true, false, false, false}},
			{[]probe{a, d}, []bool{false, false}},
			{nil, []bool{}},
		} {
			if got, err := insertNew(step.rows, "id"); err != nil || !reflect.DeepEqual(got, step.want) {
				t.Errorf("InsertNew answered %v, %v, want %v", got, err, step.want)
			}
		}
		b.wantRows(t, "a", "c", "d")
		t.Run("by another unique key", func(t *testing.T) {
			if got, err := insertNew([]probe{*b.probe("c"), *b.probe("e")}, "natural_key"); err != nil || !reflect.DeepEqual(got, []bool{false, true}) {
				t.Errorf("InsertNew answered %v, %v", got, err)
			}
		})
		t.Run("a clash with a key that was not named", func(t *testing.T) {
			_, err := insertNew([]probe{*b.probe("a")}, "id")
			wantCode(t, err, engage.AlreadyExists)
		})
		t.Run("faults of the values are not hidden", func(t *testing.T) {
			_, err := insertNew([]probe{a, *b.probe("bad")}, "id")
			wantCode(t, err, engage.Invalid)
		})
		t.Run("writers of the same rows share them out", func(t *testing.T) {
			rows := make([]probe, 200)
			for i := range rows {
				rows[i] = *b.probe("r" + strings.Repeat("x", i))
			}
			var mu sync.Mutex
			inserted := make([]int, len(rows))
			var group sync.WaitGroup
			for w := range 4 {
				group.Go(func() {
					for at := 0; at < len(rows); at += 20 {
						batch := append([]probe(nil), rows[at:at+20]...)
						for i := range batch { // shared, it could clash before the id is looked at
							batch[i].Key += bunstore.Key(fmt.Sprintf(" of writer %d", w))
						}
						if w%2 == 1 {
							for i, j := 0, len(batch)-1; i < j; i, j = i+1, j-1 {
								batch[i], batch[j] = batch[j], batch[i]
							}
						}
						fresh, err := insertNew(batch, "id")
						if err != nil {
							t.Error(err)
							return
						}
						mu.Lock()
						for i, isNew := range fresh {
							if isNew && w%2 == 1 {
								inserted[at+19-i]++
							} else if isNew {
								inserted[at+i]++
							}
						}
						mu.Unlock()
					}
				})
			}
			group.Wait()
			for i, n := range inserted {
				if n != 1 {
					t.Fatalf("row %d was new to %d writers", i, n)
				}
			}
		})
	})
}

func (b *testBundle) wantRows(t *testing.T, want ...string) {
	t.Helper()
	if rows, _ := b.texts(t); !reflect.DeepEqual(rows, want) {
		t.Errorf("rows are %q, want %q", rows, want)
	}
}

func TestArrays(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	for name, binder := range map[string]bunstore.ArrayBinder{"literals": bunstore.ArrayLiterals{}, "binary": pgxarrays.Binder{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := bunstore.Open(t.Context(), bunstore.Config{Write: db.Write, Arrays: binder})
			if err != nil {
				t.Fatal(err)
			}
			ids := engage.NewIDSource(engage.SystemClock{}, nil)
			ws := engage.WorkspaceID(ids.NewID())
			one := bunstore.UID(ids.NewID())
			at := bunstore.Micros(testkit.Start)
			c, err := store.Read(t.Context(), ws)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := store.QueryArrays(t.Context(), c, `SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::jsonb[], $5::bigint[],
				$6::boolean[], $7::float8[], $8::bytea[], $9::text[], $10::text[], $11::int[])`,
				[]bunstore.UID{one, {}}, []bunstore.Text{`it's "\ {x,y}`, ""}, []bunstore.Micros{at, {}}, []bunstore.JSON{bunstore.JSON(`{"a":"'\\\"b"}`), nil},
				[]int64{1 << 60, -1}, []bool{true, false}, []float64{0.1, -2}, [][]byte{{0, 1, 255}, nil}, []string{"NULL", "null"}, []bunstore.Key{"😀", " "}, []int{1, 2})
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close() //nolint:errcheck // read to its end below
			type row struct {
				ID    bunstore.UID
				Text  string
				At    bunstore.Micros
				JSON  bunstore.JSON
				N     int64
				B     bool
				F     float64
				Bytes []byte
				S, K  string
				I     int
			}
			var got []row
			for rows.Next() {
				var r row
				if err := rows.Scan(&r.ID, &r.Text, &r.At, &r.JSON, &r.N, &r.B, &r.F, &r.Bytes, &r.S, &r.K, &r.I); err != nil {
					t.Fatal(err)
				}
				got = append(got, r)
			}
			want := []row{
				{one, `it's "\ {x,y}`, at, bunstore.JSON(`{"a": "'\\\"b"}`), 1 << 60, true, 0.1, []byte{0, 1, 255}, "NULL", "😀", 1},
				{bunstore.UID{}, "", bunstore.Micros{}, nil, -1, false, -2, nil, "null", " ", 2},
			}
			if err := rows.Err(); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v (%v)", got, want, err)
			}
			_, err = store.QueryArrays(t.Context(), c, "SELECT unnest($1::text[])", []string{"a\x00"})
			wantCode(t, err, engage.Invalid)
			_, err = store.QueryArrays(t.Context(), c, "SELECT unnest($1::text[])", []complex64{1})
			wantCode(t, err, engage.Invalid)
		})
	}
	t.Run("are PostgreSQL's alone", func(t *testing.T) {
		t.Parallel()
		b := setup(t, testkit.SQLite(t))
		c, err := b.Read(t.Context(), b.ws)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.QueryArrays(t.Context(), c, "SELECT 1")
		wantCode(t, err, engage.Unimplemented)
	})
}
