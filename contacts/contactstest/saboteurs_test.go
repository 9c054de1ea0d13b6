package contactstest_test

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
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/contactstest"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/internal/saboteur"
)

// Each of these adapters does one thing wrong, as an author might, and the suite
// fails in the case that is named.
func TestTheSuiteNoticesAnAdapterThat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		does  string
		fails string
		to    func(a *contactstest.Adapter)
	}{
		{"ignores the workspace when it reads", "every port/finds nothing of another workspace and changes nothing there", func(a *contactstest.Adapter) {
			a.Contacts = readsAnywhere{a.Contacts, &saboteur.Seen{}}
		}},
		{"ignores the workspace when it writes", "every port/keeps equal ids of two workspaces apart", func(a *contactstest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
			a.Contacts = deletesAnywhere{a.Contacts, &saboteur.Seen{}}
		}},
		{"writes in another workspace's transaction", "every port/refuses to write in another workspace's transaction", func(a *contactstest.Adapter) {
			a.Tx = saboteur.Unpinned{Transactor: a.Tx}
		}},
		{"ignores the workspace when it pages", "lists of contacts/refuses a cursor of another query, of another workspace and a damaged one", func(a *contactstest.Adapter) {
			a.Contacts = pagesAnywhere{a.Contacts, &saboteur.Seen{}}
		}},
		{"lists other workspaces' contacts", `lists of contacts/pages by "", descending false, ties and all`, func(a *contactstest.Adapter) {
			a.Contacts = listsEverybody{a.Contacts, &saboteur.Seen{}}
		}},
		{"accepts the zero workspace", "every port/refuses the zero workspace", func(a *contactstest.Adapter) {
			a.Contacts = zeroIsNobody{a.Contacts}
		}},
		{"ignores the version", "contacts/updates what has the version that was read", func(a *contactstest.Adapter) {
			a.Contacts = lastWriterWins{a.Contacts}
		}},
		{"pages by offset", "lists of contacts/neither repeats nor hides a contact when others come and go", func(a *contactstest.Adapter) {
			a.Contacts = pagesByOffset{a.Contacts}
		}},
		{"folds case", "contacts/compares identities by their bytes", func(a *contactstest.Adapter) {
			a.Contacts = foldsValues{a.Contacts, strings.ToLower}
		}},
		{"trims spaces", "contacts/compares identities by their bytes", func(a *contactstest.Adapter) {
			a.Contacts = foldsValues{a.Contacts, func(s string) string { return strings.TrimRight(s, " ") }}
		}},
		{"truncates time", "contacts/keeps instants to the microsecond, in UTC, before 1970 too", func(a *contactstest.Adapter) {
			a.Contacts = roundsTime{a.Contacts}
		}},
		{"returns its own pointer", "contacts/gives out copies", func(a *contactstest.Adapter) {
			a.Contacts = &sharesRows{Repository: a.Contacts, rows: map[contacts.ID]contacts.Contact{}}
		}},
		{"writes without a transaction", "every port/refuses to write without a transaction", func(a *contactstest.Adapter) {
			a.Timeline = opensItsOwn{a.Timeline, a.Tx}
		}},
		{"locks without a transaction", "every port/refuses to write without a transaction", func(a *contactstest.Adapter) {
			a.Contacts = locksNothing{a.Contacts}
		}},
		{"keeps rows after a rollback", "every port/leaves nothing behind after a rollback", func(a *contactstest.Adapter) {
			a.Tx = saboteur.CommitsAlways{Transactor: a.Tx}
		}},
		{"keeps rows after a nested rollback", "every port/leaves nothing behind after a rollback", func(a *contactstest.Adapter) {
			a.Tx = saboteur.JoinsWithoutSavepoint{Transactor: a.Tx}
		}},
		{"applies a batch partially", "contacts/has no effect when it refuses, even if the caller goes on", func(a *contactstest.Adapter) {
			a.Contacts = updatesOneByOne{a.Contacts}
		}},
		{"passes over what is taken", "contacts/refuses taken ids and identities by index, and stores none of the call", func(a *contactstest.Adapter) {
			a.Contacts = insertsTheRest{a.Contacts}
		}},
		{"names the first item at fault only", "contacts/refuses taken ids and identities by index, and stores none of the call", func(a *contactstest.Adapter) {
			a.Contacts = namesTheFirst{a.Contacts}
		}},
		{"accepts a batch of any size", "every port/refuses more than a batch", func(a *contactstest.Adapter) {
			a.Events = takesAnyBatch{a.Events}
		}},
		{"reads a batch short by one", "contacts/stores a whole batch", func(a *contactstest.Adapter) {
			a.Contacts = readsShort{a.Contacts}
		}},
		{"answers contacts in its own order", "contacts/answers contacts in the order asked, without the missing", func(a *contactstest.Adapter) {
			a.Contacts = answersSorted{a.Contacts}
		}},
		{"keeps identities that an update dropped", "contacts/updates what has the version that was read", func(a *contactstest.Adapter) {
			a.Contacts = keepsIdentities{a.Contacts}
		}},
		{"forgets who absorbed whom on update", "contacts/updates every field", func(a *contactstest.Adapter) {
			a.Contacts = changesOnUpdate{a.Contacts, func(c *contacts.Contact) { c.MergedInto = contacts.ID{} }}
		}},
		{"updates no display of an identity", "contacts/updates every field", func(a *contactstest.Adapter) {
			a.Contacts = changesOnUpdate{a.Contacts, func(c *contacts.Contact) {
				for i := range c.Identities {
					c.Identities[i].Display = ""
				}
			}}
		}},
		{"hides absorbed contacts from events", "contacts/tells which contacts exist, absorbed ones too", func(a *contactstest.Adapter) {
			a.Existing = knowsStandingOnly{a.Existing, a.Contacts}
		}},
		{"answers a cursor behind the last row", "lists of contacts/has no next page behind the last contact", func(a *contactstest.Adapter) {
			a.Contacts = pagesOnAndOn{a.Contacts}
		}},
		{"lists contacts of any state", "lists of contacts/selects by state", func(a *contactstest.Adapter) {
			a.Contacts = ignoresState{a.Contacts}
		}},
		{"counts a repeated event twice", "events/stores an event once, whoever sends it again", func(a *contactstest.Adapter) {
			a.Events = countsTwice{a.Events}
		}},
		{"stores the events of all workspaces in one", "events of all workspaces/stores equal ids of two workspaces, each once", func(a *contactstest.Adapter) {
			a.Events = appendsToTheFirst{a.Events}
		}},
		{"replaces a repeated event", "events/stores an event once, whoever sends it again", func(a *contactstest.Adapter) {
			a.Events = replacesEvents{a.Events}
		}},
		{"orders the history by arrival", "events/pages the history of several contacts by time, both ways", func(a *contactstest.Adapter) {
			a.Events = ordersByArrival{a.Events}
		}},
		{"cuts properties", "events/stores a whole batch with large properties", func(a *contactstest.Adapter) {
			a.Events = cutsProperties{a.Events}
		}},
		{"keeps the survivor's membership whatever is later", "lists/keeps memberships, and of two the later when contacts merge", func(a *contactstest.Adapter) {
			a.Members = keepsTheSurvivors{a.Members}
		}},
		{"leaves a deleted list's memberships", "lists/keeps memberships, and of two the later when contacts merge", func(a *contactstest.Adapter) {
			a.Lists = leavesMembers{a.Lists, a.Members}
		}},
		{"finds tags in any case", "tags/keeps tags by key, compared by its bytes", func(a *contactstest.Adapter) {
			a.Tags = findsAnyCase{a.Tags}
		}},
		{"answers that every tagging was new", "tags/says which taggings were new and which there were", func(a *contactstest.Adapter) {
			a.Taggings = everyTaggingIsNew{a.Taggings}
		}},
		{"gives a survivor's tags to nobody", "tags/lists who has a tag, moves tags to survivors and forgets them", func(a *contactstest.Adapter) {
			a.Taggings = dropsOnMove{a.Taggings}
		}},
		{"makes a definition anew", "attributes/replaces a definition and keeps when it was made", func(a *contactstest.Adapter) {
			a.Attributes = definesAnew{a.Attributes}
		}},
		{"mixes definitions of objects", "attributes/keeps definitions by object and key, ordered by the bytes of the key", func(a *contactstest.Adapter) {
			a.Attributes = mixesObjects{a.Attributes}
		}},
		{"ignores the kinds of entries", "timeline/keeps one entry an event and pages them, the newest first", func(a *contactstest.Adapter) {
			a.Timeline = showsEveryKind{a.Timeline}
		}},
	} {
		t.Run(c.does, func(t *testing.T) {
			t.Parallel()
			saboteur.Spoil(t, c.fails, contactstest.RunConformance, open, c.to)
		})
	}
}

type readsAnywhere struct {
	contacts.Repository
	*saboteur.Seen
}

func (r readsAnywhere) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	found, err := r.Repository.Get(ctx, ws, ids)
	for _, other := range r.Note(ws) {
		if len(found) == 0 && err == nil {
			found, err = r.Repository.Get(ctx, other, ids)
		}
	}
	return found, err
}

func (r readsAnywhere) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	r.Note(ws)
	return r.Repository.Insert(ctx, ws, all)
}

type deletesAnywhere struct {
	contacts.Repository
	*saboteur.Seen
}

func (r deletesAnywhere) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	r.Note(ws)
	return r.Repository.Insert(ctx, ws, all)
}

func (r deletesAnywhere) Delete(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) (int, error) {
	total := 0
	for _, other := range r.Note(ws) {
		n, err := r.Repository.Delete(ctx, other, ids)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

type pagesAnywhere struct {
	contacts.Repository
	*saboteur.Seen
}

func (r pagesAnywhere) List(ctx context.Context, ws engage.WorkspaceID, query contacts.Query) (engage.Page[contacts.Contact], error) {
	for _, other := range r.Note(ws) {
		if key, err := query.After.Open(query.Binding(other)); err == nil && key != nil {
			query.After = engage.SealCursor(query.Binding(ws), key)
			break
		}
	}
	return r.Repository.List(ctx, ws, query)
}

type listsEverybody struct {
	contacts.Repository
	*saboteur.Seen
}

func (r listsEverybody) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	r.Note(ws)
	return r.Repository.Insert(ctx, ws, all)
}

func (r listsEverybody) List(ctx context.Context, ws engage.WorkspaceID, query contacts.Query) (engage.Page[contacts.Contact], error) {
	page, err := r.Repository.List(ctx, ws, query)
	if query.After != "" {
		return page, err
	}
	for _, other := range r.Note(ws) {
		if other != ws {
			more, _ := r.Repository.List(ctx, other, query)
			page.Items = append(page.Items, more.Items...)
		}
	}
	return page, err
}

type zeroIsNobody struct{ contacts.Repository }

func (r zeroIsNobody) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	if ws.IsZero() {
		return nil, nil
	}
	return r.Repository.Get(ctx, ws, ids)
}

type lastWriterWins struct{ contacts.Repository }

func (r lastWriterWins) Update(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	all = slices.Clone(all)
	for i := range all {
		if stored, err := r.Get(ctx, ws, []contacts.ID{all[i].ID}); err == nil && len(stored) == 1 {
			all[i].Version = stored[0].Version
		}
	}
	return r.Repository.Update(ctx, ws, all)
}

type pagesByOffset struct{ contacts.Repository }

func (r pagesByOffset) List(ctx context.Context, ws engage.WorkspaceID, query contacts.Query) (engage.Page[contacts.Contact], error) {
	var page engage.Page[contacts.Contact]
	key, err := query.After.Open(query.Binding(ws))
	if err != nil {
		return page, err
	}
	offset := 0
	if key != nil {
		if offset, err = strconv.Atoi(string(key)); err != nil {
			return page, engage.ErrInvalid
		}
	}
	size, err := query.Size()
	if err != nil {
		return page, err
	}
	query.PageRequest = engage.PageRequest{Limit: engage.MaxPageSize}
	all, err := r.Repository.List(ctx, ws, query)
	if err != nil {
		return page, err
	}
	page.Items = all.Items[min(offset, len(all.Items)):min(offset+size, len(all.Items))]
	if offset+size < len(all.Items) {
		page.Next = engage.SealCursor(query.Binding(ws), []byte(strconv.Itoa(offset+size)))
	}
	return page, nil
}

// foldsValues compares identities as a collation would.
type foldsValues struct {
	contacts.Repository
	fold func(string) string
}

func (r foldsValues) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	all = slices.Clone(all)
	for i := range all {
		all[i].Identities = slices.Clone(all[i].Identities)
		for j := range all[i].Identities {
			all[i].Identities[j].Value = r.fold(all[i].Identities[j].Value)
		}
	}
	return r.Repository.Insert(ctx, ws, all)
}

type roundsTime struct{ contacts.Repository }

func (r roundsTime) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	all = slices.Clone(all)
	for i := range all {
		all[i].CreatedAt = all[i].CreatedAt.Truncate(time.Millisecond)
	}
	return r.Repository.Insert(ctx, ws, all)
}

type sharesRows struct {
	contacts.Repository
	mu   sync.Mutex
	rows map[contacts.ID]contacts.Contact
}

func (r *sharesRows) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	found, err := r.Repository.Get(ctx, ws, ids)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range found {
		if shared, ok := r.rows[c.ID]; ok && shared.Version == c.Version {
			found[i] = shared
		} else {
			r.rows[c.ID] = c
		}
	}
	return found, err
}

type opensItsOwn struct {
	timeline.Repository
	tx engage.Transactor
}

func (r opensItsOwn) Append(ctx context.Context, ws engage.WorkspaceID, entries []timeline.Entry) error {
	err := r.Repository.Append(ctx, ws, entries)
	if !errors.Is(err, engage.ErrFailedPrecondition) {
		return err
	}
	return r.tx.InTx(ctx, ws, func(ctx context.Context) error { return r.Repository.Append(ctx, ws, entries) })
}

type locksNothing struct{ contacts.Repository }

func (r locksNothing) Lock(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	return r.Get(ctx, ws, ids)
}

type updatesOneByOne struct{ contacts.Repository }

func (r updatesOneByOne) Update(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	err := r.Repository.Update(ctx, ws, all)
	if err != nil {
		for i := range all {
			_ = r.Repository.Update(ctx, ws, all[i:i+1])
		}
	}
	return err
}

type insertsTheRest struct{ contacts.Repository }

func (r insertsTheRest) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	err := r.Repository.Insert(ctx, ws, all)
	if !errors.Is(err, engage.ErrAlreadyExists) {
		return err
	}
	for i := range all {
		_ = r.Repository.Insert(ctx, ws, all[i:i+1])
	}
	return nil
}

type namesTheFirst struct{ contacts.Repository }

func (r namesTheFirst) Insert(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	err := r.Repository.Insert(ctx, ws, all)
	if fields := engage.FieldsOf(err); len(fields) > 1 {
		return &engage.Error{Code: engage.CodeOf(err), Fields: fields[:1]}
	}
	return err
}

type takesAnyBatch struct{ events.Repository }

func (r takesAnyBatch) Append(ctx context.Context, ws engage.WorkspaceID, all []events.Event) ([]bool, error) {
	if len(all) <= engage.MaxBatch {
		return r.Repository.Append(ctx, ws, all)
	}
	one, err := r.Repository.Append(ctx, ws, all[:engage.MaxBatch])
	if err != nil {
		return nil, err
	}
	rest, err := r.Append(ctx, ws, all[engage.MaxBatch:])
	return append(one, rest...), err
}

type readsShort struct{ contacts.Repository }

func (r readsShort) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	found, err := r.Repository.Get(ctx, ws, ids)
	return found[:min(len(found), engage.MaxBatch-1)], err
}

type answersSorted struct{ contacts.Repository }

func (r answersSorted) Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error) {
	found, err := r.Repository.Get(ctx, ws, ids)
	slices.SortFunc(found, func(a, b contacts.Contact) int { return a.ID.Compare(b.ID) })
	return found, err
}

type keepsIdentities struct{ contacts.Repository }

func (r keepsIdentities) Update(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	all = slices.Clone(all)
	for i := range all {
		stored, err := r.Get(ctx, ws, []contacts.ID{all[i].ID})
		if err != nil || len(stored) == 0 || len(all[i].Identities) > 0 {
			continue
		}
		all[i].Identities = stored[0].Identities
	}
	return r.Repository.Update(ctx, ws, all)
}

type changesOnUpdate struct {
	contacts.Repository
	change func(*contacts.Contact)
}

func (r changesOnUpdate) Update(ctx context.Context, ws engage.WorkspaceID, all []contacts.Contact) error {
	all = slices.Clone(all)
	for i := range all {
		all[i] = all[i].Clone()
		r.change(&all[i])
	}
	return r.Repository.Update(ctx, ws, all)
}

type knowsStandingOnly struct {
	events.Contacts
	contacts contacts.Repository
}

func (r knowsStandingOnly) Existing(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.ID, error) {
	existing, err := r.Contacts.Existing(ctx, ws, ids)
	return slices.DeleteFunc(existing, func(id contacts.ID) bool {
		found, err := r.contacts.Get(ctx, ws, []contacts.ID{id})
		return err == nil && len(found) == 1 && found[0].IsAbsorbed()
	}), err
}

type pagesOnAndOn struct{ contacts.Repository }

func (r pagesOnAndOn) List(ctx context.Context, ws engage.WorkspaceID, query contacts.Query) (engage.Page[contacts.Contact], error) {
	page, err := r.Repository.List(ctx, ws, query)
	if size, _ := query.Size(); err == nil && len(page.Items) == size && page.Next == "" && query.Sort == contacts.ByCreation && !query.Descending {
		last := page.Items[size-1]
		page.Next = engage.SealCursor(query.Binding(ws), append(make([]byte, 8), last.ID[:]...))
	}
	return page, err
}

type ignoresState struct{ contacts.Repository }

func (r ignoresState) List(ctx context.Context, ws engage.WorkspaceID, query contacts.Query) (engage.Page[contacts.Contact], error) {
	query.State = ""
	return r.Repository.List(ctx, ws, query)
}

type countsTwice struct{ events.Repository }

func (r countsTwice) Append(ctx context.Context, ws engage.WorkspaceID, all []events.Event) ([]bool, error) {
	isNew, err := r.Repository.Append(ctx, ws, all)
	for i := range isNew {
		isNew[i] = true
	}
	return isNew, err
}

type replacesEvents struct{ events.Repository }

func (r replacesEvents) Append(ctx context.Context, ws engage.WorkspaceID, all []events.Event) ([]bool, error) {
	isNew, err := r.Repository.Append(ctx, ws, all)
	for i, e := range all {
		if err != nil || isNew[i] {
			continue
		}
		if stored, getErr := r.Get(ctx, ws, []events.ID{e.ID}); getErr == nil && stored[0].Name != e.Name {
			_, _ = r.Forget(ctx, ws, []contacts.ID{e.ContactID})
			_, _ = r.Repository.Append(ctx, ws, all[i:i+1])
		}
	}
	return isNew, err
}

type ordersByArrival struct{ events.Repository }

func (r ordersByArrival) History(ctx context.Context, ws engage.WorkspaceID, query events.Query) (engage.Page[events.Event], error) {
	page, err := r.Repository.History(ctx, ws, query)
	slices.SortFunc(page.Items, func(a, b events.Event) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return page, err
}

type cutsProperties struct{ events.Repository }

func (r cutsProperties) Append(ctx context.Context, ws engage.WorkspaceID, all []events.Event) ([]bool, error) {
	all = slices.Clone(all)
	for i := range all {
		if len(all[i].Properties.String()) > 10_000 {
			all[i].Properties = attribute.Object(nil)
		}
	}
	return r.Repository.Append(ctx, ws, all)
}

type keepsTheSurvivors struct{ contacts.MembershipRepository }

func (r keepsTheSurvivors) Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error {
	for _, a := range absorptions {
		theirs, err := r.Of(ctx, ws, []contacts.ID{a.Survivor})
		if err != nil {
			return err
		}
		if err := r.MembershipRepository.Move(ctx, ws, []contacts.Absorption{a}); err != nil {
			return err
		}
		if err := r.Put(ctx, ws, theirs); err != nil {
			return err
		}
	}
	if len(absorptions) == 0 || len(absorptions) > engage.MaxBatch {
		return r.MembershipRepository.Move(ctx, ws, absorptions)
	}
	return nil
}

type leavesMembers struct {
	contacts.ListRepository
	members contacts.MembershipRepository
}

func (r leavesMembers) Delete(ctx context.Context, ws engage.WorkspaceID, id contacts.ListID) error {
	members, err := r.members.Members(ctx, ws, id, "", engage.PageRequest{})
	if err != nil {
		return err
	}
	if err := r.ListRepository.Delete(ctx, ws, id); err != nil {
		return err
	}
	return r.members.Put(ctx, ws, members.Items)
}

type findsAnyCase struct{ contacts.TagRepository }

func (r findsAnyCase) Find(ctx context.Context, ws engage.WorkspaceID, key string) (contacts.Tag, error) {
	tag, err := r.TagRepository.Find(ctx, ws, key)
	if errors.Is(err, engage.ErrNotFound) {
		return r.TagRepository.Find(ctx, ws, strings.ToLower(key))
	}
	return tag, err
}

type everyTaggingIsNew struct{ contacts.TaggingRepository }

func (r everyTaggingIsNew) Assign(ctx context.Context, ws engage.WorkspaceID, taggings []contacts.Tagging) ([]bool, error) {
	isNew, err := r.TaggingRepository.Assign(ctx, ws, taggings)
	for i := range isNew {
		isNew[i] = true
	}
	return isNew, err
}

type dropsOnMove struct{ contacts.TaggingRepository }

func (r dropsOnMove) Move(ctx context.Context, ws engage.WorkspaceID, absorptions []contacts.Absorption) error {
	var absorbed []contacts.ID
	for _, a := range absorptions {
		absorbed = append(absorbed, a.Absorbed)
	}
	return r.Forget(ctx, ws, absorbed)
}

type definesAnew struct{ attribute.Repository }

func (r definesAnew) Define(ctx context.Context, ws engage.WorkspaceID, definitions []attribute.Definition) error {
	for _, d := range definitions {
		if _, err := r.Undefine(ctx, ws, d.Object, []string{d.Key}); err != nil {
			return err
		}
	}
	return r.Repository.Define(ctx, ws, definitions)
}

type mixesObjects struct{ attribute.Repository }

func (r mixesObjects) Definitions(ctx context.Context, ws engage.WorkspaceID, object string) ([]attribute.Definition, error) {
	definitions, err := r.Repository.Definitions(ctx, ws, object)
	if object == contacts.ObjectType && err == nil {
		deals, _ := r.Repository.Definitions(ctx, ws, "deal")
		definitions = append(definitions, deals...)
	}
	return definitions, err
}

type showsEveryKind struct{ timeline.Repository }

func (r showsEveryKind) List(ctx context.Context, ws engage.WorkspaceID, query timeline.Query) (engage.Page[timeline.Entry], error) {
	query.Kinds = nil
	return r.Repository.List(ctx, ws, query)
}

type appendsToTheFirst struct{ events.Repository }

func (r appendsToTheFirst) AppendAcross(ctx context.Context, shard engage.Shard, all []events.EventAcross) ([]bool, error) {
	all = slices.Clone(all)
	for i := range all {
		all[i].Workspace = all[0].Workspace
	}
	return r.Repository.(events.RepositoryAcross).AppendAcross(ctx, shard, all)
}
