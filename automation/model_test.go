package automation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

// script says what comes of the tries of the visits of a run: the same whenever
// it is asked.
type script struct{ seed uint64 }

// try is the outcome of one try of a visit.
func (s script) try(contact contacts.ID, visit, attempt int) error {
	source := rand.NewPCG(s.seed, uint64(contact[15])<<32|uint64(visit)<<8)
	failures, permanent := 0, false
	switch n := rand.New(source).IntN(20); {
	case n == 0:
		permanent = true
	case n < 5:
		failures = n
	case n == 5:
		failures = automation.MaxAttempts
	}
	switch {
	case permanent:
		return engage.ErrInvalid
	case attempt < failures:
		return engage.ErrUnavailable
	}
	return nil
}

// interpret is what a workflow means, without claims, batches, leases or
// retries at other times: one run from its first node to its end.
func interpret(d automation.Definition, s script, contact contacts.ID) (log, done []string) {
	find := func(id string) int {
		return slices.IndexFunc(d.Nodes, func(n automation.Node) bool { return n.ID == id })
	}
	at := 0
	log = append(log, d.Nodes[0].ID+" entered")
	for visit := 1; ; visit++ {
		node := d.Nodes[at]
		switch {
		case visit > automation.MaxVisits:
			return append(log, node.ID+" gave_up"), done
		case node.Action != nil:
			for attempt := 0; ; attempt++ {
				err := s.try(contact, visit, attempt)
				if err == nil {
					log, done = append(log, node.ID+" done"), append(done, node.ID)
					break
				}
				if errors.Is(err, engage.ErrInvalid) || attempt+1 == automation.MaxAttempts {
					return append(log, node.ID+" gave_up"), done
				}
				log = append(log, node.ID+" retrying")
			}
		case node.Wait > 0:
			log = append(log, node.ID+" waiting")
		default:
			return append(log, node.ID+" finished"), done
		}
		switch {
		case node.Next != "":
			at = find(node.Next)
		case at+1 < len(d.Nodes):
			at++
		default:
			return append(log, node.ID+" finished"), done
		}
	}
}

// randomDefinition is a workflow of a few nodes that jump anywhere.
func randomDefinition(r *rand.Rand) automation.Definition {
	nodes := make([]automation.Node, 1+r.IntN(8))
	for i := range nodes {
		id := fmt.Sprintf("n%d", i)
		switch r.IntN(8) {
		case 0:
			nodes[i] = automation.Node{ID: id}
			continue
		case 1, 2, 3:
			nodes[i] = wait(id, time.Duration(1+r.IntN(100))*time.Minute)
		default:
			nodes[i] = act(id)
		}
		if r.IntN(3) == 0 {
			nodes[i].Next = fmt.Sprintf("n%d", r.IntN(len(nodes)))
		}
	}
	return defined("", nodes...)
}

// dying is a transactor whose process dies at the end of one transaction, just
// before its commit.
type dying struct {
	engage.Transactor
	left int // transactions until then
	kill context.CancelFunc
	ran  int
}

func (d *dying) InShard(ctx context.Context, shard engage.Shard, fn func(context.Context) error) error {
	return d.Transactor.InShard(ctx, shard, func(ctx context.Context) error {
		err := fn(ctx)
		if d.kill == nil {
			return err // not the worker's
		}
		d.ran++
		if d.left--; d.left == 0 {
			d.kill()
			return context.Canceled
		}
		return err
	})
}

// play runs a workflow for some contacts to its end, in a process that dies at
// the kill-th transaction of its worker (0: never), and answers the logs and the
// effects of each contact, and how many transactions there were. With parts, runs
// are leased in a transaction and moved in another.
func play(t *testing.T, d automation.Definition, s script, people []contacts.ID, kill int, parts bool) (logs, done map[contacts.ID][]string, transactions int) {
	t.Helper()
	b := setup(t)
	b.publish("", d.Nodes...)
	b.actor.does = func(r automation.Request) error {
		visit, err := strconv.Atoi(r.Key[strings.LastIndex(r.Key, ":")+1:])
		b.no(err)
		run, err := b.service.Run(b.ctx, b.ws, r.RunID)
		b.no(err)
		if run.Visits != visit {
			run.Attempts = 0 // the run got here since its last commit
		}
		return s.try(r.ContactID, visit, run.Attempts)
	}
	var events []engage.Event
	for _, who := range people {
		events = append(events, entered{SegmentID: "joined", ContactID: who})
	}
	b.consume(events...)
	killer := &dying{Transactor: b.store, left: kill}
	b.deps.Runtime.Tx = killer
	b.deps.Due = &hooked{RunRepositoryAcross: b.deps.Due, tx: b.store, parts: parts}
	b.service = b.restart()
	for range 20_000 {
		ctx, cancel := context.WithCancel(b.ctx)
		killer.kill = cancel
		n, err := stepOf(b.service)(ctx)
		killed := ctx.Err() != nil
		cancel()
		if killed {
			b.service = b.restart()
			b.clock.Advance(lease)
			continue
		}
		b.no(err)
		if n > 0 {
			continue
		}
		due := time.Time{}
		for _, who := range people {
			if r := b.runOf(who); r.State == automation.Running && (due.IsZero() || r.DueAt.Before(due)) {
				due = r.DueAt
			}
		}
		if due.IsZero() {
			logs, done = map[contacts.ID][]string{}, map[contacts.ID][]string{}
			for _, who := range people {
				logs[who] = b.log(b.runOf(who))
				done[who] = nil
				for _, params := range b.did(who) {
					done[who] = append(done[who], params[len(`{"do":"`):len(params)-len(`"}`)])
				}
			}
			return logs, done, killer.ran
		}
		b.clock.Advance(due.Sub(b.clock.Now()))
	}
	t.Fatal("the runs never end")
	return nil, nil, 0
}

// The engine makes of a workflow what the interpreter says, also when its process
// dies at any transaction.
func TestTheEngineAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	const definitions, kills = 60, 8
	for seed := range uint64(definitions) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			d, s := randomDefinition(r), script{seed}
			people := []contacts.ID{{15: 1}, {15: 2}, {15: 3}}
			wantLogs, wantDone := map[contacts.ID][]string{}, map[contacts.ID][]string{}
			for _, who := range people {
				wantLogs[who], wantDone[who] = interpret(d, s, who)
			}
			for _, parts := range []bool{false, true} {
				logs, done, transactions := play(t, d, s, people, 0, parts)
				agree := func(kill int) {
					if diff := cmp.Diff([]any{wantLogs, wantDone}, []any{logs, done}); diff != "" {
						t.Fatalf("%+v in parts: %t, killed at transaction %d\n-model +engine:\n%s", d, parts, kill, diff)
					}
				}
				agree(0)
				boundaries := r.Perm(transactions)
				for _, at := range boundaries[:min(kills, len(boundaries))] {
					logs, done, _ = play(t, d, s, people, at+1, parts)
					agree(at + 1)
				}
			}
		})
	}
}
