package automationtest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/automation/automationtest"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/saboteur"
)

// Each of these adapters does one thing wrong, as an author might, and the suite
// fails in the case that is named.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *automationtest.Adapter)
	}{
		{"ignores the workspace when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *automationtest.Adapter) {
			a.Runs = readsAnywhere{a.Runs, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it writes", "every port/keeps equal ids of two workspaces apart", func(a *automationtest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
			a.Workflows = updatesAnywhere{a.Workflows, &saboteur.Seen{}}
		}},
		{"writes in another workspace's transaction", "every port/refuses to write in another workspace's transaction", func(a *automationtest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"ignores the workspace when it pages", "workflows/pages by id, and neither repeats nor hides a workflow when others come", func(a *automationtest.Adapter) {
			a.Workflows = listsEverybody{a.Workflows, &saboteur.Seen{}}
		}},
		{"accepts the zero workspace", "every port/refuses the zero workspace", func(a *automationtest.Adapter) {
			a.Runs = zeroIsNobody{a.Runs}
		}},
		{"ignores the version", "workflows/updates every field of what has the version that was read", func(a *automationtest.Adapter) {
			a.Workflows = lastWriterWins{a.Workflows}
		}},
		{"pages by offset", "workflows/pages by id, and neither repeats nor hides a workflow when others come", func(a *automationtest.Adapter) {
			a.Workflows = pagesByOffset{a.Workflows}
		}},
		{"folds case", "revisions/compares segments by their bytes", func(a *automationtest.Adapter) {
			a.Workflows = foldsSegments{a.Workflows, strings.ToLower}
		}},
		{"trims spaces", "runs/compares entry keys by their bytes", func(a *automationtest.Adapter) {
			a.Runs = trimsKeys{a.Runs}
		}},
		{"truncates time", "workflows/keeps instants to the microsecond, in UTC, before 1970 too", func(a *automationtest.Adapter) {
			a.Workflows = roundsTime{a.Workflows}
		}},
		{"returns its own pointer", "workflows/gives out copies", func(a *automationtest.Adapter) {
			a.Workflows = &sharesRows{WorkflowRepository: a.Workflows, rows: map[automation.WorkflowID]automation.Workflow{}}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *automationtest.Adapter) {
			a.Runs = opensItsOwn{a.Runs, a.Tx}
		}},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *automationtest.Adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"accepts a batch of any size", "every port/refuses more than a batch", func(a *automationtest.Adapter) {
			a.Runs = takesAnyBatch{a.Runs}
		}},
		{"saves a batch of any size", "every port/serves all workspaces in the transaction of a shard alone", func(a *automationtest.Adapter) {
			a.Due = savesAnyBatch{a.Due}
		}},
		{"claims in a workspace's transaction", "every port/serves all workspaces in the transaction of a shard alone", func(a *automationtest.Adapter) {
			a.Due = claimsAnywhere{a.Due}
		}},

		{"claims what another worker holds", "workers/claims what is due and nobody holds", func(a *automationtest.Adapter) {
			a.Due = claimsTwice{a.Due}
		}},
		{"leases without being given a lease", "workers/holds runs for a transaction without writing, when it is given no lease", func(a *automationtest.Adapter) {
			a.Due = leasesAlways{a.Due}
		}},
		{"never ends a lease", "workers/claims again, with another token, once a lease has ended", func(a *automationtest.Adapter) {
			a.Due = leasesForever{a.Due}
		}},
		{"claims with the same token", "workers/claims again, with another token, once a lease has ended", func(a *automationtest.Adapter) {
			a.Due = reusesTokens{a.Due}
		}},
		{"claims what is not due yet", "workers/claims what is due and nobody holds", func(a *automationtest.Adapter) {
			a.Due = claimsEarly{a.Due}
		}},
		{"ignores the limit of a claim", "workers/claims no more than the limit, the longest waiting first", func(a *automationtest.Adapter) {
			a.Due = claimsAll{a.Due}
		}},
		{"ignores that a workflow is paused", "workers/passes over the runs of paused workflows, however many", func(a *automationtest.Adapter) {
			a.Workflows = neverPauses{a.Workflows}
		}},
		{"lets a flood go first", "workers/takes turns between workspaces, so that a flood queues behind its own tenant", func(a *automationtest.Adapter) {
			a.Due = claimsInOrder{a.Due}
		}},
		{"gives each workspace a fixed share", "workers/fills a batch when the others have little", func(a *automationtest.Adapter) {
			a.Due = sharesEvenly{a.Due}
		}},
		{"ignores the token when it saves", "workers/refuses a late owner, and saves the others of its batch", func(a *automationtest.Adapter) {
			a.Due = ignoresToken{a.Due, a.Runs}
		}},
		{"keeps the token of a run that was moved", "workers/refuses an owner whose run was moved by a transaction without a lease", func(a *automationtest.Adapter) {
			a.Due = &keepsToken{RunRepositoryAcross: a.Due, saved: map[automation.RunID]int64{}}
		}},
		{"refuses a batch for one late owner", "workers/refuses a late owner, and saves the others of its batch", func(a *automationtest.Adapter) {
			a.Due = savesAllOrNone{a.Due}
		}},
		{"answers that all was saved", "workers/refuses a late owner, and saves the others of its batch", func(a *automationtest.Adapter) {
			a.Due = saysSaved{a.Due}
		}},
		{"loses lines of logs", "workers/stores what a worker made of runs, their lines, and ends the leases", func(a *automationtest.Adapter) {
			a.Due = losesSteps{a.Due}
		}},
		{"logs what it did not save", "workers/refuses progress of a run that ended meanwhile, or that was put elsewhere", func(a *automationtest.Adapter) {
			a.Due = logsAnyway{a.Due, a.Runs, a.Tx}
		}},
		{"gives a run to the contact that a worker read", "workers/changes nothing that never changes about a run", func(a *automationtest.Adapter) {
			a.Due = savesContacts{a.Due, a.Runs}
		}},
		{"keeps what a worker holds when a run is put", "workers/refuses progress of a run that ended meanwhile, or that was put elsewhere", func(a *automationtest.Adapter) {
			a.Runs, a.Due = keepsTokens(a.Runs, a.Due)
		}},

		{"starts a run twice", "runs/starts one run of a workflow, contact and entry key", func(a *automationtest.Adapter) {
			a.Runs = startsTwice{a.Runs}
		}},
		{"answers that every run was new", "runs/starts one run of a workflow, contact and entry key", func(a *automationtest.Adapter) {
			a.Runs = everyRunIsNew{a.Runs}
		}},
		{"begins no log", "runs/answers what was started, with the first line of its log", func(a *automationtest.Adapter) {
			a.Runs = beginsNoLog{a.Runs}
		}},
		{"locks running runs alone", "runs/locks all runs of contacts, ordered by id", func(a *automationtest.Adapter) {
			a.Runs = locksRunning{a.Runs}
		}},
		{"puts runs one by one", "runs/lets runs of one call swap their contacts", func(a *automationtest.Adapter) {
			a.Runs = putsOneByOne{a.Runs}
		}},
		{"starts drafts and paused workflows", "revisions/answers what a segment's entry starts: the last revision of each active workflow", func(a *automationtest.Adapter) {
			a.Workflows = &entersAnything{WorkflowRepository: a.Workflows, known: map[engage.WorkspaceID][]automation.Revision{}}
		}},
		{"changes a published revision", "revisions/keeps every revision as it was published", func(a *automationtest.Adapter) {
			a.Workflows = republishes{a.Workflows}
		}},
		{"reformats parameters", "workflows/answers what was stored", func(a *automationtest.Adapter) {
			a.Workflows = reformats{a.Workflows}
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, automationtest.RunConformance, open, c.to)
		})
	}
}

type readsAnywhere struct {
	automation.RunRepository
	*saboteur.Seen
}

func (r readsAnywhere) Start(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run) ([]bool, error) {
	r.Note(ws)
	return r.RunRepository.Start(ctx, ws, runs)
}

func (r readsAnywhere) Get(ctx context.Context, ws engage.WorkspaceID, ids []automation.RunID) ([]automation.Run, error) {
	found, err := r.RunRepository.Get(ctx, ws, ids)
	for _, other := range r.Note(ws) {
		if len(found) == 0 && err == nil {
			found, err = r.RunRepository.Get(ctx, other, ids)
		}
	}
	return found, err
}

type updatesAnywhere struct {
	automation.WorkflowRepository
	*saboteur.Seen
}

func (r updatesAnywhere) Insert(ctx context.Context, ws engage.WorkspaceID, w automation.Workflow) error {
	r.Note(ws)
	return r.WorkflowRepository.Insert(ctx, ws, w)
}

func (r updatesAnywhere) Update(ctx context.Context, ws engage.WorkspaceID, w automation.Workflow) error {
	for _, other := range r.Note(ws) {
		if other != ws {
			_ = r.WorkflowRepository.Update(ctx, other, w)
		}
	}
	return r.WorkflowRepository.Update(ctx, ws, w)
}

type listsEverybody struct {
	automation.WorkflowRepository
	*saboteur.Seen
}

func (r listsEverybody) Insert(ctx context.Context, ws engage.WorkspaceID, w automation.Workflow) error {
	r.Note(ws)
	return r.WorkflowRepository.Insert(ctx, ws, w)
}

func (r listsEverybody) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[automation.Workflow], error) {
	page, err := r.WorkflowRepository.List(ctx, ws, request)
	for _, other := range r.Note(ws) {
		if other != ws && request.After == "" && err == nil {
			more, _ := r.WorkflowRepository.List(ctx, other, request)
			page.Items = append(page.Items, more.Items...)
		}
	}
	return page, err
}

type zeroIsNobody struct{ automation.RunRepository }

func (r zeroIsNobody) Steps(ctx context.Context, ws engage.WorkspaceID, id automation.RunID) ([]automation.Step, error) {
	if ws.IsZero() {
		return nil, nil
	}
	return r.RunRepository.Steps(ctx, ws, id)
}

type lastWriterWins struct{ automation.WorkflowRepository }

func (r lastWriterWins) Update(ctx context.Context, ws engage.WorkspaceID, w automation.Workflow) error {
	if stored, err := r.Get(ctx, ws, []automation.WorkflowID{w.ID}); err == nil && len(stored) == 1 {
		w.Version = stored[0].Version
	}
	return r.WorkflowRepository.Update(ctx, ws, w)
}

type pagesByOffset struct{ automation.WorkflowRepository }

func (r pagesByOffset) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[automation.Workflow], error) {
	var page engage.Page[automation.Workflow]
	query := "offset" + ws.String()
	key, err := request.After.Open(query)
	if err != nil {
		return page, err
	}
	offset, _ := strconv.Atoi(string(key))
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	all, err := r.WorkflowRepository.List(ctx, ws, engage.PageRequest{Limit: engage.MaxPageSize})
	if err != nil {
		return page, err
	}
	page.Items = all.Items[min(offset, len(all.Items)):min(offset+size, len(all.Items))]
	if offset+size < len(all.Items) {
		page.Next = engage.SealCursor(query, []byte(strconv.Itoa(offset+size)))
	}
	return page, nil
}

// foldsSegments compares segments as a collation would.
type foldsSegments struct {
	automation.WorkflowRepository
	fold func(string) string
}

func (r foldsSegments) AddRevision(ctx context.Context, ws engage.WorkspaceID, revision automation.Revision) error {
	revision.Definition.Trigger.Segment = r.fold(revision.Definition.Trigger.Segment)
	return r.WorkflowRepository.AddRevision(ctx, ws, revision)
}

func (r foldsSegments) Entered(ctx context.Context, ws engage.WorkspaceID, segments []string) ([]automation.Revision, error) {
	folded := make([]string, len(segments))
	for i, segment := range segments {
		folded[i] = r.fold(segment)
	}
	return r.WorkflowRepository.Entered(ctx, ws, folded)
}

type trimsKeys struct{ automation.RunRepository }

func (r trimsKeys) Start(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run) ([]bool, error) {
	runs = slices.Clone(runs)
	for i := range runs {
		runs[i].EntryKey = strings.TrimRight(runs[i].EntryKey, " ")
	}
	return r.RunRepository.Start(ctx, ws, runs)
}

type roundsTime struct{ automation.WorkflowRepository }

func (r roundsTime) Insert(ctx context.Context, ws engage.WorkspaceID, w automation.Workflow) error {
	w.UpdatedAt = w.UpdatedAt.Truncate(time.Millisecond)
	return r.WorkflowRepository.Insert(ctx, ws, w)
}

type sharesRows struct {
	automation.WorkflowRepository
	mu   sync.Mutex
	rows map[automation.WorkflowID]automation.Workflow
}

func (r *sharesRows) Get(ctx context.Context, ws engage.WorkspaceID, ids []automation.WorkflowID) ([]automation.Workflow, error) {
	found, err := r.WorkflowRepository.Get(ctx, ws, ids)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, w := range found {
		if shared, ok := r.rows[w.ID]; ok && shared.Version == w.Version {
			found[i] = shared
		} else {
			r.rows[w.ID] = w
		}
	}
	return found, err
}

type opensItsOwn struct {
	automation.RunRepository
	tx engage.Transactor
}

func (r opensItsOwn) Start(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run) (isNew []bool, err error) {
	isNew, err = r.RunRepository.Start(ctx, ws, runs)
	if !errors.Is(err, engage.ErrFailedPrecondition) {
		return isNew, err
	}
	err = r.tx.InTx(ctx, ws, func(ctx context.Context) (err error) {
		isNew, err = r.RunRepository.Start(ctx, ws, runs)
		return err
	})
	return isNew, err
}

type takesAnyBatch struct{ automation.RunRepository }

func (r takesAnyBatch) Get(ctx context.Context, ws engage.WorkspaceID, ids []automation.RunID) ([]automation.Run, error) {
	return r.RunRepository.Get(ctx, ws, ids[:min(len(ids), engage.MaxBatch)])
}

type savesAnyBatch struct{ automation.RunRepositoryAcross }

func (r savesAnyBatch) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	saved, err := r.RunRepositoryAcross.SaveAcross(ctx, shard, progress[:min(len(progress), engage.MaxBatch)])
	return append(saved, make([]bool, len(progress)-len(saved))...), err
}

// claimsAnywhere swallows that it is called without a shard's transaction.
type claimsAnywhere struct{ automation.RunRepositoryAcross }

func (r claimsAnywhere) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	claimed, err := r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now, lease, limit)
	if errors.Is(err, engage.ErrFailedPrecondition) {
		return nil, nil
	}
	return claimed, err
}

type claimsTwice struct{ automation.RunRepositoryAcross }

func (r claimsTwice) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, _ time.Duration, limit int) ([]automation.RunAcross, error) {
	return r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now, 0, limit)
}

type leasesAlways struct{ automation.RunRepositoryAcross }

func (r leasesAlways) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	return r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now, max(lease, time.Second), limit)
}

type leasesForever struct{ automation.RunRepositoryAcross }

func (r leasesForever) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	return r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now, lease*1000, limit)
}

type reusesTokens struct{ automation.RunRepositoryAcross }

func (r reusesTokens) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	claimed, err := r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now, lease, limit)
	for i := range claimed {
		claimed[i].Run.Token = 1
	}
	return claimed, err
}

type claimsEarly struct{ automation.RunRepositoryAcross }

func (r claimsEarly) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	return r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now.Add(time.Millisecond), lease, limit)
}

type claimsAll struct{ automation.RunRepositoryAcross }

func (r claimsAll) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, _ int) ([]automation.RunAcross, error) {
	return r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now, lease, engage.MaxBatch)
}

// neverPauses hides from the claim that workflows are paused.
type neverPauses struct{ automation.WorkflowRepository }

func (p neverPauses) Insert(ctx context.Context, ws engage.WorkspaceID, w automation.Workflow) error {
	if w.State == automation.Paused {
		w.State = automation.Active
	}
	return p.WorkflowRepository.Insert(ctx, ws, w)
}

type claimsInOrder struct{ automation.RunRepositoryAcross }

func (r claimsInOrder) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	var claimed []automation.RunAcross
	// The oldest first, whosever they are: what is due an hour ago, then the rest.
	for _, at := range []time.Time{now.Add(-time.Hour + time.Second), now} {
		more, err := r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, at, lease+now.Sub(at), limit-len(claimed))
		if err != nil {
			return nil, err
		}
		claimed = append(claimed, more...)
	}
	return claimed, nil
}

type sharesEvenly struct{ automation.RunRepositoryAcross }

func (r sharesEvenly) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]automation.RunAcross, error) {
	claimed, err := r.RunRepositoryAcross.ClaimDueAcross(ctx, shard, now, lease, limit)
	had := map[engage.WorkspaceID]int{}
	kept := slices.DeleteFunc(slices.Clone(claimed), func(c automation.RunAcross) bool {
		had[c.Workspace]++
		return had[c.Workspace] > limit/2
	})
	return kept, err
}

type ignoresToken struct {
	automation.RunRepositoryAcross
	runs automation.RunRepository
}

func (r ignoresToken) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	progress = slices.Clone(progress)
	for i, p := range progress {
		if stored, err := r.runs.Get(ctx, p.Workspace, []automation.RunID{p.Run.ID}); err == nil && len(stored) == 1 {
			progress[i].Run.Token = stored[0].Token
		}
	}
	return r.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
}

// keepsToken takes tokens from before a save for those after it.
type keepsToken struct {
	automation.RunRepositoryAcross
	mu    sync.Mutex
	saved map[automation.RunID]int64
}

func (r *keepsToken) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	progress = slices.Clone(progress)
	for i := range progress {
		progress[i].Run.Token += r.saved[progress[i].Run.ID]
	}
	saved, err := r.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
	for i, p := range progress {
		if err == nil && saved[i] {
			r.saved[p.Run.ID]++
		}
	}
	return saved, err
}

type savesAllOrNone struct{ automation.RunRepositoryAcross }

func (r savesAllOrNone) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	saved, err := r.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
	if slices.Contains(saved, false) {
		return make([]bool, len(saved)), err
	}
	return saved, err
}

type saysSaved struct{ automation.RunRepositoryAcross }

func (r saysSaved) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	saved, err := r.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
	for i := range saved {
		saved[i] = true
	}
	return saved, err
}

type losesSteps struct{ automation.RunRepositoryAcross }

func (r losesSteps) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	progress = slices.Clone(progress)
	for i := range progress {
		progress[i].Steps = nil
	}
	return r.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
}

type logsAnyway struct {
	automation.RunRepositoryAcross
	runs automation.RunRepository
	tx   engage.Transactor
}

func (r logsAnyway) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	saved, err := r.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
	for i, p := range progress {
		if err != nil || saved[i] {
			continue
		}
		stored, _ := r.runs.Get(ctx, p.Workspace, []automation.RunID{p.Run.ID})
		err = r.tx.InTx(ctx, p.Workspace, func(ctx context.Context) error { return r.runs.Put(ctx, p.Workspace, stored, p.Steps) })
	}
	return saved, err
}

type savesContacts struct {
	automation.RunRepositoryAcross
	runs automation.RunRepository
}

func (r savesContacts) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	saved, err := r.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
	for i, p := range progress {
		if err == nil && saved[i] && p.Run.State == automation.Running {
			err = r.runs.Put(ctx, p.Workspace, []automation.Run{p.Run}, nil)
		}
	}
	return saved, err
}

// oldTokens remembers the tokens under which runs were claimed before they were
// put.
type oldTokens struct {
	automation.RunRepository
	automation.RunRepositoryAcross
	mu  sync.Mutex
	put map[automation.RunID]int64
}

func keepsTokens(runs automation.RunRepository, due automation.RunRepositoryAcross) (automation.RunRepository, automation.RunRepositoryAcross) {
	k := &oldTokens{RunRepository: runs, RunRepositoryAcross: due, put: map[automation.RunID]int64{}}
	return k, k
}

func (k *oldTokens) Put(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run, steps []automation.Step) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range runs {
		k.put[r.ID]++
	}
	return k.RunRepository.Put(ctx, ws, runs, steps)
}

func (k *oldTokens) SaveAcross(ctx context.Context, shard engage.Shard, progress []automation.Progress) ([]bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	progress = slices.Clone(progress)
	for i := range progress {
		progress[i].Run.Token += k.put[progress[i].Run.ID]
	}
	return k.RunRepositoryAcross.SaveAcross(ctx, shard, progress)
}

type startsTwice struct{ automation.RunRepository }

func (r startsTwice) Start(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run) ([]bool, error) {
	runs = slices.Clone(runs)
	for i := range runs {
		runs[i].EntryKey += runs[i].ID.String()
	}
	return r.RunRepository.Start(ctx, ws, runs)
}

type everyRunIsNew struct{ automation.RunRepository }

func (r everyRunIsNew) Start(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run) ([]bool, error) {
	isNew, err := r.RunRepository.Start(ctx, ws, runs)
	for i := range isNew {
		isNew[i] = true
	}
	return isNew, err
}

type beginsNoLog struct{ automation.RunRepository }

func (r beginsNoLog) Steps(ctx context.Context, ws engage.WorkspaceID, id automation.RunID) ([]automation.Step, error) {
	steps, err := r.RunRepository.Steps(ctx, ws, id)
	return slices.DeleteFunc(steps, func(s automation.Step) bool { return s.Seq == 1 }), err
}

type locksRunning struct{ automation.RunRepository }

func (r locksRunning) Lock(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]automation.Run, error) {
	runs, err := r.RunRepository.Lock(ctx, ws, ids)
	return slices.DeleteFunc(runs, func(run automation.Run) bool { return run.State != automation.Running }), err
}

type putsOneByOne struct{ automation.RunRepository }

func (r putsOneByOne) Put(ctx context.Context, ws engage.WorkspaceID, runs []automation.Run, steps []automation.Step) error {
	if len(runs) != 2 {
		return r.RunRepository.Put(ctx, ws, runs, steps)
	}
	for i := range runs {
		if err := r.RunRepository.Put(ctx, ws, runs[i:i+1], steps); err != nil {
			return err
		}
	}
	return nil
}

type entersAnything struct {
	automation.WorkflowRepository
	mu    sync.Mutex
	known map[engage.WorkspaceID][]automation.Revision
}

func (r *entersAnything) AddRevision(ctx context.Context, ws engage.WorkspaceID, revision automation.Revision) error {
	err := r.WorkflowRepository.AddRevision(ctx, ws, revision)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[ws] = append(r.known[ws], revision)
	return err
}

func (r *entersAnything) Entered(_ context.Context, ws engage.WorkspaceID, segments []string) ([]automation.Revision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.known[ws]), func(revision automation.Revision) bool {
		return !slices.Contains(segments, revision.Definition.Trigger.Segment)
	}), nil
}

type republishes struct{ automation.WorkflowRepository }

func (r republishes) AddRevision(ctx context.Context, ws engage.WorkspaceID, revision automation.Revision) error {
	err := r.WorkflowRepository.AddRevision(ctx, ws, revision)
	if errors.Is(err, engage.ErrAlreadyExists) {
		return nil
	}
	return err
}

// reformats writes parameters as jsonb would.
type reformats struct{ automation.WorkflowRepository }

func (r reformats) Insert(ctx context.Context, ws engage.WorkspaceID, w automation.Workflow) error {
	w.Draft.Nodes = slices.Clone(w.Draft.Nodes)
	for i, n := range w.Draft.Nodes {
		if n.Action != nil {
			w.Draft.Nodes[i].Action = &automation.Action{Kind: n.Action.Kind, Params: bytes.ReplaceAll(n.Action.Params, []byte("1e2"), []byte("100"))}
		}
	}
	return r.WorkflowRepository.Insert(ctx, ws, w)
}
