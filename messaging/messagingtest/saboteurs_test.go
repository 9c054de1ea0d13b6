package messagingtest_test

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/saboteur"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/messaging/messagingtest"
)

// Each of these adapters does one thing wrong, as an author might, and the suite
// fails in the case that is named. None gives out its own pointer: templates and
// messages hold none.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	type adapter = messagingtest.Adapter
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *adapter)
	}{
		{"ignores the workspace when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *adapter) {
			a.Messages = readsAnywhere{a.Messages, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it writes", "every port/keeps equal ids of two workspaces apart", func(a *adapter) {
			a.Tx, a.Messages = saboteur.Unpinned{Transactor: a.Tx}, forgetsAnywhere{a.Messages, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it pages", "lists of messages/pages the messages of a contact by id", func(a *adapter) {
			a.Messages = pagesAnywhere{a.Messages, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it saves", "saves/keeps messages of equal ids apart", func(a *adapter) {
			a.Due = savesTwins{a.Due, &saboteur.Seen{}}
		}},
		{"writes in another workspace's transaction", "every port/refuses to write in another workspace's transaction", func(a *adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"lets a host claim", "every port across/needs the transaction of a database", func(a *adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"accepts the zero workspace", "every port/refuses the zero workspace", func(a *adapter) {
			a.Messages = zeroIsNobody{a.Messages}
		}},
		{"ignores the version", "templates/updates what has the version that was read", func(a *adapter) {
			a.Templates = lastWriterWins{a.Templates}
		}},
		{"pages by offset", "lists of messages/neither repeats nor hides a message when others come and go", func(a *adapter) {
			a.Messages = pagesByOffset{a.Messages}
		}},
		{"folds case", "messages/compares keys by their bytes", func(a *adapter) {
			a.Messages = plans{a.Messages, func(m *messaging.Message) { m.Key = strings.ToLower(m.Key) }}
		}},
		{"trims spaces", "messages/compares keys by their bytes", func(a *adapter) {
			a.Messages = plans{a.Messages, func(m *messaging.Message) { m.Key = strings.TrimRight(m.Key, " ") }}
		}},
		{"truncates time", "messages/keeps instants to the microsecond, in UTC, before 1970 too", func(a *adapter) {
			a.Messages = plans{a.Messages, func(m *messaging.Message) { m.PlannedAt = m.PlannedAt.Truncate(time.Millisecond) }}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *adapter) {
			a.Messages = opensItsOwn{a.Messages, a.Tx}
		}},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"keeps rows after a nested rollback", "every port/leaves nothing behind after a rollback", func(a *adapter) {
			a.Tx = saboteur.JoinsWithoutSavepoint{Transactor: a.Tx}
		}},
		{"keeps claims after a rollback", "every port across/leaves nothing behind after a rollback", func(a *adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"accepts a batch of any size", "every port/refuses more than a batch", func(a *adapter) {
			a.Messages = takesAnyBatch{a.Messages}
		}},
		{"applies a batch partially", "messages/refuses a taken id under a new key, and stores none of the call", func(a *adapter) {
			a.Messages = plansOneByOne{a.Messages}
		}},
		{"plans a key twice", "messages/plans one message of a key, the first", func(a *adapter) {
			a.Messages = keysAreNotUnique{a.Messages}
		}},
		{"replaces the message of a key", "messages/plans one message of a key, the first", func(a *adapter) {
			a.Messages = lastPlanWins{a.Messages}
		}},
		{"counts a forgotten contact's messages twice", "messages/forgets the messages of contacts and says how many there were", func(a *adapter) {
			a.Messages = countsTwice{a.Messages}
		}},
		{"claims twice", "claims/gives a message to one worker until the lease ends", func(a *adapter) {
			a.Due = &claimsTwice{MessageRepositoryAcross: a.Due}
		}},
		{"asks a clock of its own", "claims/takes now from the caller alone", func(a *adapter) {
			a.Due = readsTheClock{a.Due}
		}},
		{"claims what is not due", "claims/gives out messages that are due, whole, with a new token", func(a *adapter) {
			a.Due = early{a.Due, 0, time.Hour}
		}},
		{"forgets the lease of an intent", "claims/gives out an intent when its lease has ended, and not before", func(a *adapter) {
			a.Due = early{a.Due, time.Hour, 0}
		}},
		{"serves the first workspace first", "turns/gives workspaces equal shares, however many messages one has", func(a *adapter) {
			a.Due = chooses{a.Due, func(all []messaging.MessageAcross) {
				slices.SortStableFunc(all, func(a, b messaging.MessageAcross) int { return a.Workspace.Compare(b.Workspace) })
			}}
		}},
		{"serves the oldest first", "turns/gives workspaces equal shares, however many messages one has", func(a *adapter) {
			a.Due = chooses{a.Due, func(all []messaging.MessageAcross) {
				slices.SortStableFunc(all, func(a, b messaging.MessageAcross) int { return a.Message.ID.Compare(b.Message.ID) })
			}}
		}},
		{"begins the turns at the same workspace each time", "turns/lets every workspace come up when there are more than a claim takes", func(a *adapter) {
			a.Due = chooses{a.Due, func(all []messaging.MessageAcross) {
				place := map[messaging.MessageID]int{}
				n := map[engage.WorkspaceID]int{}
				for _, c := range all {
					place[c.Message.ID] = n[c.Workspace]
					n[c.Workspace]++
				}
				slices.SortStableFunc(all, func(a, b messaging.MessageAcross) int {
					return cmp.Or(place[a.Message.ID]-place[b.Message.ID], a.Workspace.Compare(b.Workspace))
				})
			}}
		}},
		{"ignores the token on save", "saves/stores those whose token is the stored one, and says which", func(a *adapter) {
			a.Due = ignoresTokens{a.Due, a.Messages}
		}},
		{"answers that all was saved", "saves/stores those whose token is the stored one, and says which", func(a *adapter) {
			a.Due = savesAll{a.Due}
		}},
		{"lets one message at fault spoil a batch", "saves/stores those whose token is the stored one, and says which", func(a *adapter) {
			a.Due = allOrNothing{a.Due}
		}},
		{"saves again what was saved", "saves/stores a repeated save once", func(a *adapter) {
			a.Due = &remembersSaves{MessageRepositoryAcross: a.Due, done: map[messaging.MessageAcross]bool{}}
		}},
		{"keeps the lease of a message that is planned again", "saves/ends the lease of a message that is planned again", func(a *adapter) {
			a.Due = keepsLeases{a.Due}
		}},
		{"cuts what the other side answered", "saves/stores what became of a message, and leaves what it was planned with", func(a *adapter) {
			a.Due = changesOnSave{a.Due, func(m *messaging.Message) { m.ProviderID = m.ProviderID[:min(len(m.ProviderID), 100)] }}
		}},
		{"forgets when a message was handed over", "saves/keeps instants to the microsecond, in UTC, before 1970 too", func(a *adapter) {
			a.Due = changesOnSave{a.Due, func(m *messaging.Message) { m.IntendedAt = time.Time{} }}
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, messagingtest.RunConformance, open, c.to)
		})
	}
}

type readsAnywhere struct {
	messaging.MessageRepository
	*saboteur.Seen
}

func (r readsAnywhere) Plan(ctx context.Context, ws engage.WorkspaceID, all []messaging.Message) ([]bool, error) {
	r.Note(ws)
	return r.MessageRepository.Plan(ctx, ws, all)
}

func (r readsAnywhere) Get(ctx context.Context, ws engage.WorkspaceID, ids []messaging.MessageID) ([]messaging.Message, error) {
	found, err := r.MessageRepository.Get(ctx, ws, ids)
	for _, other := range r.Note(ws) {
		if len(found) == 0 && err == nil {
			found, err = r.MessageRepository.Get(ctx, other, ids)
		}
	}
	return found, err
}

type forgetsAnywhere struct {
	messaging.MessageRepository
	*saboteur.Seen
}

func (r forgetsAnywhere) Plan(ctx context.Context, ws engage.WorkspaceID, all []messaging.Message) ([]bool, error) {
	r.Note(ws)
	return r.MessageRepository.Plan(ctx, ws, all)
}

func (r forgetsAnywhere) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	total := 0
	for _, other := range r.Note(ws) {
		n, err := r.MessageRepository.Forget(ctx, other, ids)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

type pagesAnywhere struct {
	messaging.MessageRepository
	*saboteur.Seen
}

func (r pagesAnywhere) OfContact(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, page engage.PageRequest) (engage.Page[messaging.Message], error) {
	binding := func(ws engage.WorkspaceID) string {
		return "messaging_messages|" + contact.String() + "|" + ws.String()
	}
	for _, other := range r.Note(ws) {
		if key, err := page.After.Open(binding(other)); err == nil && key != nil {
			page.After = engage.SealCursor(binding(ws), key)
			break
		}
	}
	return r.MessageRepository.OfContact(ctx, ws, contact, page)
}

type savesTwins struct {
	messaging.MessageRepositoryAcross
	*saboteur.Seen
}

func (r savesTwins) SaveAcross(ctx context.Context, shard engage.Shard, all []messaging.MessageAcross) ([]bool, error) {
	saved, err := r.MessageRepositoryAcross.SaveAcross(ctx, shard, all)
	for _, m := range all {
		for _, other := range r.Note(m.Workspace) {
			m.Workspace = other
			_, _ = r.MessageRepositoryAcross.SaveAcross(ctx, shard, []messaging.MessageAcross{m})
		}
	}
	return saved, err
}

func (r savesTwins) ClaimPlannedAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]messaging.MessageAcross, error) {
	claimed, err := r.MessageRepositoryAcross.ClaimPlannedAcross(ctx, shard, now, lease, limit)
	for _, c := range claimed {
		r.Note(c.Workspace)
	}
	return claimed, err
}

type zeroIsNobody struct{ messaging.MessageRepository }

func (r zeroIsNobody) Get(ctx context.Context, ws engage.WorkspaceID, ids []messaging.MessageID) ([]messaging.Message, error) {
	if ws.IsZero() {
		return nil, nil
	}
	return r.MessageRepository.Get(ctx, ws, ids)
}

type lastWriterWins struct{ messaging.TemplateRepository }

func (r lastWriterWins) Update(ctx context.Context, ws engage.WorkspaceID, template messaging.SavedTemplate) error {
	found, err := r.Get(ctx, ws, []messaging.TemplateID{template.ID})
	if err == nil && len(found) == 1 {
		template.Version = found[0].Version
	}
	return r.TemplateRepository.Update(ctx, ws, template)
}

type pagesByOffset struct{ messaging.MessageRepository }

func (r pagesByOffset) OfContact(ctx context.Context, ws engage.WorkspaceID, contact contacts.ID, request engage.PageRequest) (engage.Page[messaging.Message], error) {
	binding := ws.String() + contact.String()
	key, err := request.After.Open(binding)
	if err != nil {
		return engage.Page[messaging.Message]{}, err
	}
	offset, _ := strconv.Atoi(string(key))
	size, err := request.Size()
	if err != nil {
		return engage.Page[messaging.Message]{}, err
	}
	page, err := r.MessageRepository.OfContact(ctx, ws, contact, engage.PageRequest{Limit: engage.MaxPageSize})
	if err != nil {
		return page, err
	}
	end := min(offset+size, len(page.Items))
	if end < len(page.Items) {
		page.Next = engage.SealCursor(binding, []byte(strconv.Itoa(end)))
	}
	page.Items = page.Items[min(offset, end):end]
	return page, nil
}

// plans changes messages on their way in.
type plans struct {
	messaging.MessageRepository
	change func(*messaging.Message)
}

func (r plans) Plan(ctx context.Context, ws engage.WorkspaceID, all []messaging.Message) ([]bool, error) {
	all = slices.Clone(all)
	for i := range all {
		r.change(&all[i])
	}
	return r.MessageRepository.Plan(ctx, ws, all)
}

type opensItsOwn struct {
	messaging.MessageRepository
	tx engage.Transactor
}

func (r opensItsOwn) Plan(ctx context.Context, ws engage.WorkspaceID, all []messaging.Message) (isNew []bool, err error) {
	if isNew, err = r.MessageRepository.Plan(ctx, ws, all); engage.CodeOf(err) == engage.FailedPrecondition {
		err = r.tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
			isNew, err = r.MessageRepository.Plan(ctx, ws, all)
			return err
		})
	}
	return isNew, err
}

type takesAnyBatch struct{ messaging.MessageRepository }

func (r takesAnyBatch) Get(ctx context.Context, ws engage.WorkspaceID, ids []messaging.MessageID) (all []messaging.Message, err error) {
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		found, err := r.MessageRepository.Get(ctx, ws, chunk)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

type plansOneByOne struct{ messaging.MessageRepository }

func (r plansOneByOne) Plan(ctx context.Context, ws engage.WorkspaceID, all []messaging.Message) ([]bool, error) {
	isNew := make([]bool, len(all))
	for i := range all {
		one, err := r.MessageRepository.Plan(ctx, ws, all[i:i+1])
		if engage.CodeOf(err) == engage.AlreadyExists {
			continue // the caller will see
		}
		if err != nil {
			return nil, err
		}
		isNew[i] = one[0]
	}
	return isNew, nil
}

type keysAreNotUnique struct{ messaging.MessageRepository }

func (r keysAreNotUnique) Plan(ctx context.Context, ws engage.WorkspaceID, all []messaging.Message) ([]bool, error) {
	all = slices.Clone(all)
	for i := range all {
		all[i].Key += all[i].ID.String()
	}
	return r.MessageRepository.Plan(ctx, ws, all)
}

type lastPlanWins struct{ messaging.MessageRepository }

func (r lastPlanWins) Plan(ctx context.Context, ws engage.WorkspaceID, all []messaging.Message) ([]bool, error) {
	last := map[string]messaging.Message{}
	for _, m := range all {
		last[m.Key] = m
	}
	all = slices.Clone(all)
	for i, m := range all {
		all[i] = last[m.Key]
	}
	return r.MessageRepository.Plan(ctx, ws, all)
}

type countsTwice struct{ messaging.MessageRepository }

func (r countsTwice) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	n, err := r.MessageRepository.Forget(ctx, ws, ids)
	return n * len(ids), err
}
