package segmentstest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/internal/saboteur"
	"github.com/go-engage/engage/segments"
	"github.com/go-engage/engage/segments/filter"
	"github.com/go-engage/engage/segments/segmentstest"
)

// Each of these adapters does one thing wrong, as an author might, and the suite
// fails in the case that is named.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *segmentstest.Adapter)
	}{
		{"ignores the workspace when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *segmentstest.Adapter) {
			a.Segments = readsAnywhere{a.Segments, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it writes", "every port/keeps equal ids of two workspaces apart", func(a *segmentstest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
			a.Facts = forgetsAnywhere{a.Facts, &saboteur.Seen{}}
		}},
		{"writes in another workspace's transaction", "every port/refuses to write in another workspace's transaction", func(a *segmentstest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"ignores the workspace when it pages", "members/answers and counts members alone, of the revision asked, in pages by contact", func(a *segmentstest.Adapter) {
			a.Members = pagesAnywhere{a.Members, &saboteur.Seen{}}
		}},
		{"accepts the zero workspace", "every port/refuses the zero workspace", func(a *segmentstest.Adapter) {
			a.Facts = zeroIsNobody{a.Facts}
		}},
		{"ignores the version", "segments/updates every field of what has the version that was read", func(a *segmentstest.Adapter) {
			a.Segments = lastWriterWins{a.Segments}
		}},
		{"pages by offset", "members/answers and counts members alone, of the revision asked, in pages by contact", func(a *segmentstest.Adapter) {
			a.Members = pagesByOffset{a.Members}
		}},
		{"folds case", "facts/compares event names by their bytes", func(a *segmentstest.Adapter) {
			a.Facts = foldsNames{a.Facts, strings.ToLower}
		}},
		{"trims spaces", "facts/compares event names by their bytes", func(a *segmentstest.Adapter) {
			a.Facts = foldsNames{a.Facts, func(s string) string { return strings.TrimRight(s, " ") }}
		}},
		{"truncates time", "segments/keeps instants to the microsecond, in UTC, before 1970 too", func(a *segmentstest.Adapter) {
			a.Segments = roundsTime{a.Segments}
		}},
		{"returns its own filter", "segments/pages segments by id and answers all heads", func(a *segmentstest.Adapter) {
			a.Segments = headsHaveFilters{a.Segments}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *segmentstest.Adapter) {
			a.Members = opensItsOwn{a.Members, a.Tx}
		}},
		{"locks without a transaction", "every port/refuses to write without a transaction", func(a *segmentstest.Adapter) {
			a.Segments = locksNothing{a.Segments}
		}},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *segmentstest.Adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"accepts a batch of any size", "every port/refuses more than a batch", func(a *segmentstest.Adapter) {
			a.Facts = takesAnyBatch{a.Facts}
		}},
		{"forgets what was served", "segments/answers what was stored, ordered by id, without the missing", func(a *segmentstest.Adapter) {
			a.Segments = forgetsServed{a.Segments}
		}},
		{"replaces counts", "facts/adds counts, and takes the earlier first and the later last", func(a *segmentstest.Adapter) {
			a.Facts = replacesCounts{a.Facts}
		}},
		{"keeps the newest first time", "facts/adds counts, and takes the earlier first and the later last", func(a *segmentstest.Adapter) {
			a.Facts = losesFirst{a.Facts}
		}},
		{"moves facts one step of a chain", "facts/moves facts to survivors, along chains, and adds them there", func(a *segmentstest.Adapter) {
			a.Facts = movesBackwards{a.Facts}
		}},
		{"resets without a limit", "facts/forgets contacts and resets a workspace by parts", func(a *segmentstest.Adapter) {
			a.Facts = resetsAll{a.Facts}
		}},
		{"marks an event twice", "facts/marks events once, and removes the marks by parts", func(a *segmentstest.Adapter) {
			a.Facts = marksTwice{a.Facts}
		}},
		{"upserts what it is to add", "members/adds what there is not and refuses the rest", func(a *segmentstest.Adapter) {
			a.Members = addsBySaving{a.Members}
		}},
		{"keeps a part of what it refuses", "members/adds what there is not and refuses the rest", func(a *segmentstest.Adapter) {
			a.Members = addsOneByOne{a.Members}
		}},
		{"keeps memberships that say nothing", "members/saves what says something and removes what does not", func(a *segmentstest.Adapter) {
			a.Members = keepsSilence{a.Members}
		}},
		{"mixes revisions", "members/answers and counts members alone, of the revision asked, in pages by contact", func(a *segmentstest.Adapter) {
			a.Members = mixesRevisions{a.Members}
		}},
		{"counts those who are no members", "members/answers and counts members alone, of the revision asked, in pages by contact", func(a *segmentstest.Adapter) {
			a.Members = countsEveryRow{a.Members}
		}},
		{"updates what comes before the fault", "segments/updates all segments of a call or none, and names those at fault", func(a *segmentstest.Adapter) {
			a.Segments = updatesOneByOne{a.Segments}
		}},
		{"discards revisions that stay", "members/discards revisions before those that stay, by parts", func(a *segmentstest.Adapter) {
			a.Members = discardsAll{a.Members}
		}},
		{"discards what is being built", "members/discards revisions before those that stay, by parts", func(a *segmentstest.Adapter) {
			a.Members = discardsLater{a.Members}
		}},
		{"discards as much of each segment", "members/discards revisions before those that stay, by parts", func(a *segmentstest.Adapter) {
			a.Members = discardsOneByOne{a.Members}
		}},
		{"claims what is not due", "timers/claims what is due, once until the lease ends", func(a *segmentstest.Adapter) {
			a.Due = claimsAhead{a.Due}
		}},
		{"claims for ever", "timers/claims what is due, once until the lease ends", func(a *segmentstest.Adapter) {
			a.Due = leasesForEver{a.Due}
		}},
		{"names a contact for each revision", "timers/names a contact once for all revisions", func(a *segmentstest.Adapter) {
			a.Due = namesTwice{a.Due}
		}},
		{"serves the flood first", "timers/has a flood wait behind its own workspace", func(a *segmentstest.Adapter) {
			a.Due = floodFirst{a.Due}
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, segmentstest.RunConformance, open, c.to)
		})
	}
}

type readsAnywhere struct {
	segments.SegmentRepository
	*saboteur.Seen
}

func (r readsAnywhere) Insert(ctx context.Context, ws engage.WorkspaceID, s segments.Segment) error {
	r.Note(ws)
	return r.SegmentRepository.Insert(ctx, ws, s)
}

func (r readsAnywhere) Get(ctx context.Context, ws engage.WorkspaceID, ids []segments.ID) ([]segments.Segment, error) {
	found, err := r.SegmentRepository.Get(ctx, ws, ids)
	for _, other := range r.Note(ws) {
		if len(found) == 0 && err == nil {
			found, err = r.SegmentRepository.Get(ctx, other, ids)
		}
	}
	return found, err
}

type forgetsAnywhere struct {
	segments.FactRepository
	*saboteur.Seen
}

func (r forgetsAnywhere) Add(ctx context.Context, ws engage.WorkspaceID, facts []segments.Fact) error {
	r.Note(ws)
	return r.FactRepository.Add(ctx, ws, facts)
}

func (r forgetsAnywhere) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	for _, other := range r.Note(ws) {
		if err := r.FactRepository.Forget(ctx, other, ids); err != nil {
			return err
		}
	}
	return nil
}

type pagesAnywhere struct {
	segments.MembershipRepository
	*saboteur.Seen
}

func (r pagesAnywhere) Members(ctx context.Context, ws engage.WorkspaceID, id segments.ID, revision int, page engage.PageRequest) (engage.Page[segments.Membership], error) {
	for _, other := range r.Note(ws) {
		for n := range 3 {
			query := "segments_members|" + other.String() + "|" + id.String() + "|" + strconv.Itoa(n)
			if key, err := page.After.Open(query); err == nil && key != nil {
				page.After = engage.SealCursor("segments_members|"+ws.String()+"|"+id.String()+"|"+strconv.Itoa(revision), key)
				return r.MembershipRepository.Members(ctx, ws, id, revision, page)
			}
		}
	}
	return r.MembershipRepository.Members(ctx, ws, id, revision, page)
}

type zeroIsNobody struct{ segments.FactRepository }

func (r zeroIsNobody) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID, names []string) ([]segments.Fact, error) {
	if ws.IsZero() {
		return nil, nil
	}
	return r.FactRepository.Get(ctx, ws, ids, names)
}

type lastWriterWins struct{ segments.SegmentRepository }

func (r lastWriterWins) Update(ctx context.Context, ws engage.WorkspaceID, all []segments.Segment) error {
	all = slices.Clone(all)
	for i, s := range all {
		if stored, err := r.Get(ctx, ws, []segments.ID{s.ID}); err == nil && len(stored) == 1 {
			all[i].Version = stored[0].Version
		}
	}
	return r.SegmentRepository.Update(ctx, ws, all)
}

type updatesOneByOne struct{ segments.SegmentRepository }

func (r updatesOneByOne) Update(ctx context.Context, ws engage.WorkspaceID, all []segments.Segment) error {
	if len(all) > engage.MaxBatch {
		return engage.ErrInvalid
	}
	for i, s := range all {
		err := r.SegmentRepository.Update(ctx, ws, []segments.Segment{s})
		if e, ok := errors.AsType[*engage.Error](err); ok && len(e.Fields) == 1 {
			e.Fields[0].Path = strings.Replace(e.Fields[0].Path, "[0]", fmt.Sprintf("[%d]", i), 1)
		}
		if err != nil {
			return err
		}
	}
	return r.SegmentRepository.Update(ctx, ws, nil)
}

type pagesByOffset struct{ segments.MembershipRepository }

func (r pagesByOffset) Members(ctx context.Context, ws engage.WorkspaceID, id segments.ID, revision int, request engage.PageRequest) (engage.Page[segments.Membership], error) {
	var page engage.Page[segments.Membership]
	query := ws.String() + id.String() + strconv.Itoa(revision)
	key, err := request.After.Open(query)
	if err != nil {
		return page, err
	}
	offset, _ := strconv.Atoi(string(key))
	size, err := request.Size()
	if err != nil {
		return page, err
	}
	all, err := r.MembershipRepository.Members(ctx, ws, id, revision, engage.PageRequest{Limit: engage.MaxPageSize})
	if err != nil {
		return page, err
	}
	page.Items = all.Items[min(offset, len(all.Items)):min(offset+size, len(all.Items))]
	if offset+size < len(all.Items) {
		page.Next = engage.SealCursor(query, []byte(strconv.Itoa(offset+size)))
	}
	return page, nil
}

// foldsNames compares event names as a collation would.
type foldsNames struct {
	segments.FactRepository
	fold func(string) string
}

func (r foldsNames) Add(ctx context.Context, ws engage.WorkspaceID, facts []segments.Fact) error {
	facts = slices.Clone(facts)
	for i := range facts {
		facts[i].Event = r.fold(facts[i].Event)
	}
	return r.FactRepository.Add(ctx, ws, facts)
}

type roundsTime struct{ segments.SegmentRepository }

func (r roundsTime) Insert(ctx context.Context, ws engage.WorkspaceID, s segments.Segment) error {
	s.CreatedAt = s.CreatedAt.Truncate(time.Millisecond)
	return r.SegmentRepository.Insert(ctx, ws, s)
}

type headsHaveFilters struct{ segments.SegmentRepository }

func (r headsHaveFilters) Heads(ctx context.Context, ws engage.WorkspaceID) ([]segments.Segment, error) {
	heads, err := r.SegmentRepository.Heads(ctx, ws)
	for i := range heads {
		heads[i].Filter = filter.New(filter.All{})
	}
	return heads, err
}

type opensItsOwn struct {
	segments.MembershipRepository
	tx engage.Transactor
}

func (r opensItsOwn) Save(ctx context.Context, ws engage.WorkspaceID, all []segments.Membership) error {
	err := r.MembershipRepository.Save(ctx, ws, all)
	if !errors.Is(err, engage.ErrFailedPrecondition) {
		return err
	}
	return r.tx.InTx(ctx, ws, func(ctx context.Context) error { return r.MembershipRepository.Save(ctx, ws, all) })
}

type locksNothing struct{ segments.SegmentRepository }

func (r locksNothing) Lock(ctx context.Context, ws engage.WorkspaceID) ([]segments.Segment, error) {
	return r.Heads(ctx, ws)
}

type takesAnyBatch struct{ segments.FactRepository }

func (r takesAnyBatch) Forget(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) error {
	for chunk := range slices.Chunk(ids, engage.MaxBatch) {
		if err := r.FactRepository.Forget(ctx, ws, chunk); err != nil {
			return err
		}
	}
	return nil
}

type forgetsServed struct{ segments.SegmentRepository }

func (r forgetsServed) Insert(ctx context.Context, ws engage.WorkspaceID, s segments.Segment) error {
	s.Served = 0
	return r.SegmentRepository.Insert(ctx, ws, s)
}

type replacesCounts struct{ segments.FactRepository }

func (r replacesCounts) Add(ctx context.Context, ws engage.WorkspaceID, facts []segments.Fact) error {
	facts = slices.Clone(facts)
	for i, f := range facts {
		stored, err := r.Get(ctx, ws, []contacts.ID{f.ContactID}, []string{f.Event})
		if err == nil && len(stored) == 1 {
			facts[i].Count -= stored[0].Count
		}
	}
	return r.FactRepository.Add(ctx, ws, facts)
}

type losesFirst struct{ segments.FactRepository }

func (r losesFirst) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID, names []string) ([]segments.Fact, error) {
	facts, err := r.FactRepository.Get(ctx, ws, ids, names)
	for i := range facts {
		facts[i].FirstAt = facts[i].LastAt
	}
	return facts, err
}

type movesBackwards struct{ segments.FactRepository }

func (r movesBackwards) Move(ctx context.Context, ws engage.WorkspaceID, all []contacts.Absorption) error {
	all = slices.Clone(all)
	slices.Reverse(all)
	return r.FactRepository.Move(ctx, ws, all)
}

type resetsAll struct{ segments.FactRepository }

func (r resetsAll) Reset(ctx context.Context, ws engage.WorkspaceID, what segments.Part, _ int) (int, error) {
	return r.FactRepository.Reset(ctx, ws, what, engage.MaxBatch)
}

type marksTwice struct{ segments.FactRepository }

func (r marksTwice) Once(ctx context.Context, ws engage.WorkspaceID, ids []events.ID) ([]bool, error) {
	isNew, err := r.FactRepository.Once(ctx, ws, ids)
	for i := range isNew {
		isNew[i] = true
	}
	return isNew, err
}

type addsBySaving struct{ segments.MembershipRepository }

func (r addsBySaving) Add(ctx context.Context, ws engage.WorkspaceID, all []segments.Membership) error {
	return r.Save(ctx, ws, all)
}

type addsOneByOne struct{ segments.MembershipRepository }

func (r addsOneByOne) Add(ctx context.Context, ws engage.WorkspaceID, all []segments.Membership) error {
	if len(all) > engage.MaxBatch {
		return engage.ErrInvalid
	}
	for _, m := range all {
		if err := r.MembershipRepository.Add(ctx, ws, []segments.Membership{m}); err != nil {
			return err
		}
	}
	return r.MembershipRepository.Add(ctx, ws, nil)
}

type keepsSilence struct{ segments.MembershipRepository }

func (r keepsSilence) Save(ctx context.Context, ws engage.WorkspaceID, all []segments.Membership) error {
	all = slices.Clone(all)
	for i := range all {
		if !all[i].Member && all[i].DueAt.IsZero() {
			all[i].DueAt = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	return r.MembershipRepository.Save(ctx, ws, all)
}

type mixesRevisions struct{ segments.MembershipRepository }

func (r mixesRevisions) Count(ctx context.Context, ws engage.WorkspaceID, id segments.ID, revision int) (int, error) {
	one, err := r.MembershipRepository.Count(ctx, ws, id, revision)
	if err != nil {
		return 0, err
	}
	two, err := r.MembershipRepository.Count(ctx, ws, id, revision-1)
	return one + two, err
}

type countsEveryRow struct{ segments.MembershipRepository }

func (r countsEveryRow) Count(ctx context.Context, ws engage.WorkspaceID, id segments.ID, revision int) (int, error) {
	n, err := r.MembershipRepository.Count(ctx, ws, id, revision)
	if n > 0 {
		n++
	}
	return n, err
}

type discardsAll struct{ segments.MembershipRepository }

func (r discardsAll) Discard(ctx context.Context, ws engage.WorkspaceID, purges []segments.Purge, limit int) (int, error) {
	purges = slices.Clone(purges)
	for i := range purges {
		purges[i].Keep = 0
	}
	return r.MembershipRepository.Discard(ctx, ws, purges, limit)
}

type discardsLater struct{ segments.MembershipRepository }

func (r discardsLater) Discard(ctx context.Context, ws engage.WorkspaceID, purges []segments.Purge, limit int) (int, error) {
	n, err := r.MembershipRepository.Discard(ctx, ws, purges, limit)
	if err != nil || len(purges) != 1 || purges[0].Keep != 2 || n == 0 {
		return n, err
	}
	_, err = r.MembershipRepository.Discard(ctx, ws, []segments.Purge{{SegmentID: purges[0].SegmentID}}, limit)
	return n, err
}

type discardsOneByOne struct{ segments.MembershipRepository }

func (r discardsOneByOne) Discard(ctx context.Context, ws engage.WorkspaceID, purges []segments.Purge, limit int) (int, error) {
	n, err := r.MembershipRepository.Discard(ctx, ws, nil, limit)
	if len(purges) > engage.MaxBatch {
		return 0, engage.ErrInvalid
	}
	for _, p := range purges {
		more, failed := r.MembershipRepository.Discard(ctx, ws, []segments.Purge{p}, limit)
		if n += more; failed != nil {
			return n, failed
		}
	}
	return n, err
}

type claimsAhead struct {
	segments.MembershipRepositoryAcross
}

func (r claimsAhead) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]segments.Due, error) {
	return r.MembershipRepositoryAcross.ClaimDueAcross(ctx, shard, now.Add(time.Millisecond), lease, limit)
}

type leasesForEver struct {
	segments.MembershipRepositoryAcross
}

func (r leasesForEver) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, _ time.Duration, limit int) ([]segments.Due, error) {
	return r.MembershipRepositoryAcross.ClaimDueAcross(ctx, shard, now, 1000*time.Hour, limit)
}

type namesTwice struct {
	segments.MembershipRepositoryAcross
}

func (r namesTwice) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]segments.Due, error) {
	claimed, err := r.MembershipRepositoryAcross.ClaimDueAcross(ctx, shard, now, lease, limit)
	if len(claimed) == 1 {
		claimed = append(claimed, claimed[0])
	}
	return claimed, err
}

type floodFirst struct {
	segments.MembershipRepositoryAcross
}

// It hides the quiet workspace's row until the flood is over.
func (r floodFirst) ClaimDueAcross(ctx context.Context, shard engage.Shard, now time.Time, lease time.Duration, limit int) ([]segments.Due, error) {
	claimed, err := r.MembershipRepositoryAcross.ClaimDueAcross(ctx, shard, now.Add(-time.Microsecond), lease, limit)
	if err != nil || len(claimed) > 0 {
		return claimed, err
	}
	return r.MembershipRepositoryAcross.ClaimDueAcross(ctx, shard, now, lease, limit)
}
