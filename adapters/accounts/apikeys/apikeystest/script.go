package apikeystest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
)

// RunScript plays a number of random operations of a seed, in transactions of
// which some are undone, and answers what each of them answered and what is left.
// Two adapters answer the same. One database takes a seed once.
func RunScript(t *testing.T, a Adapter, seed uint64, operations int) string {
	t.Helper()
	s := &script{Adapter: a, t: t, random: rand.New(rand.NewPCG(seed, 11))}
	workspaces := []engage.WorkspaceID{engage.WorkspaceID(s.id()), engage.WorkspaceID(s.id())}
	shards, err := a.Tx.Shards(t.Context())
	if err != nil || len(shards) != 1 {
		t.Fatalf("the suite wants one database, got %v, %v", shards, err)
	}
	for left := operations; left > 0; {
		n := 1 + s.random.IntN(4)
		left -= n
		ws := pick(s, workspaces)
		err := s.Tx.InTx(t.Context(), ws, func(ctx context.Context) error { return s.block(ctx, ws, n, 0) })
		fmt.Fprintln(&s.told, "transaction", engage.CodeOf(err))
		if s.random.IntN(3) > 0 {
			continue
		}
		err = s.Tx.InShard(t.Context(), shards[0], func(ctx context.Context) error {
			touched, err := s.Across.TouchAcross(ctx, shards[0], start.Add(time.Duration(s.random.IntN(1e9))*time.Microsecond), []apikeys.ID{s.known(), s.known(), s.known()})
			fmt.Fprintln(&s.told, "touch", touched, err)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, ws := range workspaces {
		s.told.WriteString(Dump(t.Context(), t, a, ws))
	}
	return s.told.String()
}

type script struct {
	Adapter
	t      *testing.T
	random *rand.Rand
	ids    []apikeys.ID // that were ever made, also where they were undone
	told   strings.Builder
}

func pick[T any](s *script, from []T) T { return from[s.random.IntN(len(from))] }

func (s *script) id() (id [16]byte) {
	for i := range id {
		id[i] = byte(s.random.Uint32())
	}
	return id
}

// known is an id that was made, or one that was not.
func (s *script) known() apikeys.ID {
	if len(s.ids) == 0 || s.random.IntN(8) == 0 {
		return s.id()
	}
	return pick(s, s.ids)
}

// time is none, or an instant with microseconds, before 1970 too.
func (s *script) time() time.Time {
	if s.random.IntN(4) == 0 {
		return time.Time{}
	}
	return start.Add(time.Duration(s.random.Int64N(3e15)-2e15) * time.Microsecond)
}

func (s *script) record(id apikeys.ID) apikeys.Record {
	r := apikeys.Record{Key: apikeys.Key{
		ID: id, Name: pick(s, hostile()), Kind: pick(s, []apikeys.Kind{apikeys.WriteKey, apikeys.SecretKey}), ExpiresAt: s.time(), RotatedAt: s.time(),
		FormerUntil: s.time(), RevokedAt: s.time(), LastUsedAt: s.time(), CreatedAt: s.time(), UpdatedAt: s.time(),
		CreatedBy: engage.Actor{Type: "user", ID: pick(s, hostile())},
	}}
	for range s.random.IntN(3) {
		r.Permissions, r.Origins = append(r.Permissions, pick(s, hostile())), append(r.Origins, pick(s, hostile()))
	}
	for i := range r.Digest {
		r.Digest[i] = byte(s.random.Uint32())
	}
	return r
}

// block runs operations, some of them nested, and is undone one time in five.
func (s *script) block(ctx context.Context, ws engage.WorkspaceID, n, depth int) error {
	for range n {
		if depth < 2 && s.random.IntN(4) == 0 {
			err := s.Tx.InTx(ctx, ws, func(ctx context.Context) error { return s.block(ctx, ws, 2, depth+1) })
			fmt.Fprintln(&s.told, "nested", engage.CodeOf(err))
			continue
		}
		s.operation(ctx, ws)
	}
	if s.random.IntN(5) == 0 {
		return errUndo
	}
	return nil
}

func (s *script) operation(ctx context.Context, ws engage.WorkspaceID) {
	switch s.random.IntN(6) {
	case 0, 1:
		id := s.known()
		s.ids = append(s.ids, id)
		fmt.Fprintln(&s.told, "insert", engage.CodeOf(s.Keys.Insert(ctx, ws, s.record(id))))
	case 2:
		known, err := s.Keys.Lock(ctx, ws, s.known())
		fmt.Fprintln(&s.told, "lock", known.Key, engage.CodeOf(err))
		r := s.record(known.ID)
		r.Version = known.Version + pick(s, []engage.Version{0, 0, 1})
		fmt.Fprintln(&s.told, "update", engage.CodeOf(s.Keys.Update(ctx, ws, r)))
	case 3:
		fmt.Fprintln(&s.told, "delete", engage.CodeOf(s.Keys.Delete(ctx, ws, s.known())))
	case 4:
		page, err := s.Keys.List(ctx, ws, engage.PageRequest{Limit: 1 + s.random.IntN(4)})
		fmt.Fprintln(&s.told, "list", page, err)
	default:
		found, err := s.Keys.Get(ctx, ws, []apikeys.ID{s.known(), s.known()})
		fmt.Fprintln(&s.told, "get", found, err)
	}
}
