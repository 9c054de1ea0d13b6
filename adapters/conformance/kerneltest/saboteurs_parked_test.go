package kerneltest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/conformance/kerneltest"
	"github.com/go-engage/engage/internal/saboteur"
)

// parked is a good port for parked events, with the methods that a saboteur
// puts in place of its own.
type parked struct {
	good    engage.ParkedEvents
	list    func(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error)
	redrive change
	drop    change
}

type change func(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error)

func (p parked) List(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
	return p.list(ctx, ws, consumer, request)
}

func (p parked) Redrive(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
	return p.redrive(ctx, ws, consumer, ids)
}

func (p parked) Drop(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
	return p.drop(ctx, ws, consumer, ids)
}

// parking remembers the workspaces and consumers that anything was parked for.
type parking struct {
	engage.EventLog
	workspaces []engage.WorkspaceID
	consumers  []string
}

func (p *parking) Park(ctx context.Context, shard engage.Shard, events []engage.Parked) error {
	for _, event := range events {
		p.workspaces = append(p.workspaces, event.Event.Workspace)
		p.consumers = append(p.consumers, event.Consumer)
	}
	return p.EventLog.Park(ctx, shard, events)
}

// unparksNextClaim takes a claim for the one after it.
type unparksNextClaim struct{ engage.EventLog }

func (u unparksNextClaim) Unpark(ctx context.Context, shard engage.Shard, event engage.Parked) error {
	err := u.EventLog.Unpark(ctx, shard, event)
	if errors.Is(err, engage.ErrConflict) {
		event.Token++
		err = u.EventLog.Unpark(ctx, shard, event)
	}
	return err
}

func TestSaboteursOfParkedEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		sabotage func(k *kerneltest.Kernel, p *parked)
		fails    string
	}{
		{"ignores the workspace on read", func(k *kerneltest.Kernel, p *parked) {
			log := &parking{EventLog: k.Log}
			k.Log = log
			p.list = func(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
				var all engage.Page[engage.Parked]
				for _, other := range log.workspaces {
					page, err := p.good.List(ctx, other, consumer, request)
					if err != nil {
						return all, err
					}
					all.Items, all.Next = append(all.Items, page.Items...), page.Next
				}
				return all, nil
			}
		}, "parked events/are those of one workspace"},
		{"ignores the workspace on write", func(k *kerneltest.Kernel, p *parked) {
			log, tx := &parking{EventLog: k.Log}, k.Tx
			k.Log = log
			p.drop = func(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
				if n, err := p.good.Drop(ctx, ws, consumer, ids); n > 0 || err != nil || len(log.workspaces) == 0 {
					return n, err
				}
				var n int
				return n, tx.AfterCommit(ctx, func() {
					_ = tx.InTx(context.Background(), log.workspaces[0], func(ctx context.Context) error { //nolint:contextcheck // that is the sabotage
						_, err := p.good.Drop(ctx, log.workspaces[0], consumer, ids)
						return err
					})
				})
			}
		}, "parked events/are those of one workspace"},
		{"accepts the zero workspace", func(_ *kerneltest.Kernel, p *parked) {
			p.list = func(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
				if ws.IsZero() {
					return engage.Page[engage.Parked]{}, nil
				}
				return p.good.List(ctx, ws, consumer, request)
			}
		}, "parked events/are changed in a transaction, and only there"},
		{"pages by offset", func(_ *kerneltest.Kernel, p *parked) { p.list = byOffset(p.good) }, "parked events/are listed in the order of events, then of consumers, page by page"},
		{"promises a page that is not there", func(_ *kerneltest.Kernel, p *parked) {
			p.list = func(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
				page, err := p.good.List(ctx, ws, consumer, request)
				if page.Next == "" && len(page.Items) == request.Limit && request.Limit > 0 {
					page.Next = engage.SealCursor("end", nil)
				}
				return page, err
			}
		}, "parked events/of a full last page end with it"},
		{"takes any cursor", func(_ *kerneltest.Kernel, p *parked) {
			p.list = func(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
				page, err := p.good.List(ctx, ws, consumer, request)
				if errors.Is(err, engage.ErrInvalid) && request.After != "" {
					return p.good.List(ctx, ws, consumer, engage.PageRequest{Limit: request.Limit})
				}
				return page, err
			}
		}, "parked events/are not listed with another list's cursor or a limit out of range"},
		{"folds the case of consumers", func(k *kerneltest.Kernel, p *parked) {
			log := &parking{EventLog: k.Log}
			k.Log = log
			p.drop = func(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
				n := 0
				for _, other := range log.consumers {
					if strings.EqualFold(other, consumer) {
						some, err := p.good.Drop(ctx, ws, other, ids)
						if err != nil {
							return 0, err
						}
						n += some
					}
				}
				return n, nil
			}
		}, "parked events/are those of one consumer, if one is named"},
		{"shows the token of a claim", func(_ *kerneltest.Kernel, p *parked) {
			p.list = func(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
				page, err := p.good.List(ctx, ws, consumer, request)
				for i := range page.Items {
					page.Items[i].Token = int64(page.Items[i].Attempts)
				}
				return page, err
			}
		}, "parked events/are listed as they were parked, without a token"},
		{"re-drives nothing", func(_ *kerneltest.Kernel, p *parked) {
			p.redrive = func(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
				page, err := p.good.List(ctx, ws, consumer, engage.PageRequest{})
				return len(page.Items), err
			}
		}, "parked events/that are re-driven are due at once, as if never tried again"},
		{"leaves its claim to a retry", func(k *kerneltest.Kernel, p *parked) {
			k.Log = unparksNextClaim{k.Log}
		}, "parked events/that are re-driven or dropped end the claim of a retry"},
		{"counts what it was asked for", func(_ *kerneltest.Kernel, p *parked) {
			p.redrive = func(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
				_, err := p.good.Redrive(ctx, ws, consumer, ids)
				return len(ids), err
			}
		}, "parked events/are counted once for each consumer, however often they are named"},
		{"writes without a transaction", func(k *kerneltest.Kernel, p *parked) {
			tx := k.Tx
			p.drop = func(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
				n, err := p.good.Drop(ctx, ws, consumer, ids)
				if !errors.Is(err, engage.ErrFailedPrecondition) {
					return n, err
				}
				err = tx.InTx(context.Background(), ws, func(ctx context.Context) error { //nolint:contextcheck // that is the sabotage
					n, err = p.good.Drop(ctx, ws, consumer, ids)
					return err
				})
				return n, err
			}
		}, "parked events/are changed in a transaction, and only there"},
		{"takes calls of any size", func(_ *kerneltest.Kernel, p *parked) {
			p.redrive = func(ctx context.Context, ws engage.WorkspaceID, consumer string, ids []engage.EventID) (int, error) {
				return p.good.Redrive(ctx, ws, consumer, ids[:min(len(ids), engage.MaxBatch)])
			}
		}, "parked events/are changed in a transaction, and only there"},
		{"answers its own memory", func(_ *kerneltest.Kernel, p *parked) {
			kept := map[engage.EventID]engage.Parked{}
			p.list = func(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
				page, err := p.good.List(ctx, ws, consumer, request)
				for i, item := range page.Items {
					if known, ok := kept[item.Event.ID]; ok {
						page.Items[i] = known
					}
					kept[item.Event.ID] = page.Items[i]
				}
				return page, err
			}
		}, "parked events/are the caller's own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			saboteur.Fails(t, c.fails, func(t *testing.T) {
				kerneltest.Suite{Transactions: 100}.Run(t, func(t *testing.T) kerneltest.Kernel {
					k := openMemory(t)
					p := &parked{good: k.Parked, list: k.Parked.List, redrive: k.Parked.Redrive, drop: k.Parked.Drop}
					k.Parked = p
					c.sabotage(&k, p)
					return k
				})
			})
		})
	}
}

// byOffset counts the events before a page.
func byOffset(good engage.ParkedEvents) func(context.Context, engage.WorkspaceID, string, engage.PageRequest) (engage.Page[engage.Parked], error) {
	return func(ctx context.Context, ws engage.WorkspaceID, consumer string, request engage.PageRequest) (engage.Page[engage.Parked], error) {
		all, err := good.List(ctx, ws, consumer, engage.PageRequest{Limit: engage.MaxPageSize})
		if err != nil {
			return all, err
		}
		size, err := request.Size()
		if err != nil {
			return all, err
		}
		passed, err := request.After.Open("offset")
		if err != nil {
			return all, err
		}
		items := all.Items[min(len(passed), len(all.Items)):]
		page := engage.Page[engage.Parked]{Items: items[:min(size, len(items))]}
		if len(items) > size {
			page.Next = engage.SealCursor("offset", make([]byte, len(passed)+size))
		}
		return page, nil
	}
}
