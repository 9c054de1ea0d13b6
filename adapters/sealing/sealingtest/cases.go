package sealingtest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/internal/porttest"
)

func keyCases(t *testing.T, a Adapter) {
	run(t, a, "answers what was stored", func(f *fixture) {
		key := f.key(1)
		key.Wrapped, key.WrappedBy = allBytes(), "arn:aws:kms:eu-central-1:1:key/😀 'x' \\ ?0 $1"
		f.add(key)
		got, err := f.Keys.Get(f.Ctx, f.WS, key.ID)
		f.No(err)
		f.Same(got, key)
		got, err = f.Keys.Newest(f.Ctx, f.WS)
		f.No(err)
		f.Same(got, key)
		f.Same(f.all(f.WS), []sealing.DataKey{key})
	})
	run(t, a, "answers a copy of its own", func(f *fixture) {
		key := f.key(1)
		want := bytes.Clone(key.Wrapped)
		f.add(key)
		key.Wrapped[0]++
		got, err := f.Keys.Get(f.Ctx, f.WS, key.ID)
		f.No(err)
		f.Same(got.Wrapped, want)
		got.Wrapped[0]++
		again, err := f.Keys.Newest(f.Ctx, f.WS)
		f.No(err)
		f.Same(again.Wrapped, want)
	})
	run(t, a, "stores a new key as version 1", func(f *fixture) {
		key := f.key(1)
		key.Version = 7
		f.add(key)
		got, err := f.Keys.Get(f.Ctx, f.WS, key.ID)
		f.No(err)
		f.Same(got.Version, engage.Version(1))
	})
	run(t, a, "keeps instants to the microsecond, in UTC, before 1970 too", func(f *fixture) {
		for i, at := range []time.Time{
			start, time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		} {
			key := f.key(i + 1)
			key.CreatedAt, key.WrappedAt = at, at
			f.add(key)
			got, err := f.Keys.Get(f.Ctx, f.WS, key.ID)
			f.No(err)
			if !got.CreatedAt.Equal(at) || !got.WrappedAt.Equal(at) || got.CreatedAt.Location() != time.UTC {
				f.T.Errorf("stored %v, got %v and %v", at, got.CreatedAt, got.WrappedAt)
			}
		}
	})
	run(t, a, "adds one key of a number, the first", func(f *fixture) {
		key := f.key(1)
		f.add(key)
		f.In(func(ctx context.Context) error {
			added, err := f.Keys.Add(ctx, f.WS, f.key(1))
			f.Same(added, false)
			return err
		})
		f.Same(f.all(f.WS), []sealing.DataKey{key})
	})
	run(t, a, "refuses a taken id under a new number", func(f *fixture) {
		key := f.key(1)
		f.add(key)
		thief := f.key(2)
		thief.ID = key.ID
		f.Code(f.Try(func(ctx context.Context) error { return porttest.Err(f.Keys.Add(ctx, f.WS, thief)) }), engage.AlreadyExists)
		f.Same(f.all(f.WS), []sealing.DataKey{key})
	})
	run(t, a, "lets one of many add the first key, and the others read it", func(f *fixture) {
		const many = 8
		var keys, read [many]sealing.DataKey
		var added [many]bool
		for i := range keys {
			keys[i] = f.key(1)
		}
		var wg sync.WaitGroup
		for i := range many {
			wg.Go(func() {
				err := f.Try(func(ctx context.Context) (err error) {
					if added[i], err = f.Keys.Add(ctx, f.WS, keys[i]); err == nil {
						read[i], err = f.Keys.Newest(ctx, f.WS)
					}
					return err
				})
				if err != nil {
					f.T.Errorf("writer %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		winner := slices.Index(added[:], true)
		if winner < 0 || slices.Index(added[winner+1:], true) >= 0 {
			f.T.Fatalf("want one that adds, got %v", added)
		}
		for i, got := range read {
			if got.ID != keys[winner].ID {
				f.T.Errorf("writer %d read %v, want %v", i, got.ID, keys[winner].ID)
			}
		}
	})
	run(t, a, "answers the key of the greatest number as the newest", func(f *fixture) {
		late, early := f.key(10), f.key(9)
		f.add(f.key(1), late, early)
		got, err := f.Keys.Newest(f.Ctx, f.WS)
		f.No(err)
		f.Same(got, late)
	})
	run(t, a, "says that a key is missing", func(f *fixture) {
		_, err := f.Keys.Newest(f.Ctx, f.WS)
		f.Code(err, engage.NotFound)
		f.add(f.key(1))
		_, err = f.Keys.Get(f.Ctx, f.WS, sealing.KeyID(f.IDs.NewID()))
		f.Code(err, engage.NotFound)
	})
	run(t, a, "lists keys by id, also while others come", func(f *fixture) {
		var want []sealing.DataKey
		for number := range 7 {
			want = append(want, f.key(7-number)) // ids rise, numbers fall
		}
		f.add(want...)
		page, err := f.Keys.List(f.Ctx, f.WS, engage.PageRequest{Limit: 3})
		f.No(err)
		f.Same(page.Items, want[:3])
		_, err = f.Keys.List(f.Ctx, f.Other, engage.PageRequest{After: page.Next})
		f.Code(err, engage.Invalid)
		early := f.key(8)
		early.ID = sealing.KeyID{1}
		f.add(early)
		page, err = f.Keys.List(f.Ctx, f.WS, engage.PageRequest{Limit: 4, After: page.Next})
		f.No(err)
		f.Same(page.Items, want[3:])
		f.Same(page.Next, engage.Cursor(""))
		_, err = f.Keys.List(f.Ctx, f.WS, engage.PageRequest{After: engage.SealCursor("another", []byte("x"))})
		f.Code(err, engage.Invalid)
		_, err = f.Keys.List(f.Ctx, f.WS, engage.PageRequest{Limit: engage.MaxPageSize + 1})
		f.Code(err, engage.Invalid)
	})
	run(t, a, "erases all keys and says how many there were", func(f *fixture) {
		f.add(f.key(1), f.key(2))
		f.addOf(f.Other, f.key(1))
		f.In(func(ctx context.Context) error {
			n, err := f.Keys.Erase(ctx, f.WS)
			f.Same(n, 2)
			return err
		})
		f.Same(f.all(f.WS), nil)
		f.Same(len(f.all(f.Other)), 1)
		f.In(func(ctx context.Context) error {
			n, err := f.Keys.Erase(ctx, f.WS)
			f.Same(n, 0)
			return err
		})
		f.add(f.key(1)) // numbers begin anew
	})
}

func rewrapCases(t *testing.T, a Adapter) {
	runAlone(t, a, "finds what another key of the host wraps, in the order of workspace and id", func(f *fixture) {
		var want []sealing.DataKeyAcross
		for _, ws := range []engage.WorkspaceID{f.Other, f.WS} { // against the order of ids
			current := f.key(1)
			current.WrappedBy = "host-2"
			f.addOf(ws, current)
			for number := 2; number < 5; number++ {
				key := f.key(number)
				f.addOf(ws, key)
				want = append(want, sealing.DataKeyAcross{Workspace: ws, Key: key})
			}
		}
		slices.SortFunc(want, func(a, b sealing.DataKeyAcross) int {
			return slices.CompareFunc([][16]byte{a.Workspace, a.Key.ID}, [][16]byte{b.Workspace, b.Key.ID}, func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) })
		})
		var got []sealing.DataKeyAcross
		for after := (sealing.DataKeyAcross{}); ; {
			found, err := f.Across.OutdatedAcross(f.Ctx, f.shard(), "host-2", after, 2)
			f.No(err)
			if len(found) == 0 {
				break
			}
			if len(found) > 2 {
				f.T.Fatalf("%d keys, asked for 2", len(found))
			}
			got = append(got, found...)
			after = found[len(found)-1]
		}
		f.Same(got, want)
	})
	runAlone(t, a, "compares the host's keys by their bytes", func(f *fixture) {
		for number, id := range []string{"Host", "host", "host ", " host", "hôst"} {
			key := f.key(number + 1)
			key.WrappedBy = id
			f.add(key)
		}
		found, err := f.Across.OutdatedAcross(f.Ctx, f.shard(), "host", sealing.DataKeyAcross{}, 10)
		f.No(err)
		f.Same(len(found), 4)
		counts, err := f.Across.CountAcross(f.Ctx, f.shard())
		f.No(err)
		f.Same(counts, map[string]int{"Host": 1, "host": 1, "host ": 1, " host": 1, "hôst": 1})
	})
	runAlone(t, a, "replaces those whose version is the stored one, and says which", func(f *fixture) {
		same, first, second := f.key(1), f.key(2), f.key(3)
		f.add(same, first, second)
		f.addOf(f.Other, same)
		anew := func(ws engage.WorkspaceID, key sealing.DataKey, version engage.Version) sealing.DataKeyAcross {
			key.WrappedBy, key.WrappedAt, key.Wrapped, key.Version = "host-2", start.Add(time.Hour), append(allBytes(), byte(key.Number)), version
			key.Number, key.CreatedAt = 99, start.Add(-time.Hour) // stay as they are
			return sealing.DataKeyAcross{Workspace: ws, Key: key}
		}
		missing := anew(f.Other, second, 1)
		var done []bool
		f.across(func(ctx context.Context) (err error) {
			done, err = f.Across.RewrapAcross(ctx, f.shard(), []sealing.DataKeyAcross{
				anew(f.WS, second, 1), missing, anew(f.WS, first, 2), anew(f.WS, same, 1), anew(f.WS, second, 1),
			})
			return err
		})
		f.Same(done, []bool{true, false, false, true, false})
		want := []sealing.DataKey{same, first, second}
		for _, i := range []int{0, 2} {
			want[i].WrappedBy, want[i].WrappedAt, want[i].Wrapped, want[i].Version = "host-2", start.Add(time.Hour), append(allBytes(), byte(want[i].Number)), 2
		}
		f.Same(f.all(f.WS), want)
		f.Same(f.all(f.Other), []sealing.DataKey{same})
		counts, err := f.Across.CountAcross(f.Ctx, f.shard())
		f.No(err)
		f.Same(counts, map[string]int{"host-1": 2, "host-2": 2})
	})
	runAlone(t, a, "brings no erased key back", func(f *fixture) {
		key := f.key(1)
		f.add(key)
		f.In(func(ctx context.Context) error { return porttest.Err(f.Keys.Erase(ctx, f.WS)) })
		f.across(func(ctx context.Context) error {
			done, err := f.Across.RewrapAcross(ctx, f.shard(), []sealing.DataKeyAcross{{Workspace: f.WS, Key: key}})
			f.Same(done, []bool{false})
			return err
		})
		f.Same(f.all(f.WS), nil)
	})
}

// allBytes are 256 bytes that a text column would not keep.
func allBytes() []byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(255 - i)
	}
	return all
}
