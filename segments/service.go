package segments

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/segments/filter"
)

// Contacts answers contacts; a contacts.Repository does.
type Contacts interface {
	// Get answers the contacts among ids, absorbed ones as they are.
	Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ID) ([]contacts.Contact, error)
	// Absorbed answers the ids of all contacts that the given ones absorbed.
	Absorbed(ctx context.Context, ws engage.WorkspaceID, survivors []contacts.ID) (map[contacts.ID][]contacts.ID, error)
	// List answers contacts that nobody absorbed, in the order of their ids.
	List(ctx context.Context, ws engage.WorkspaceID, query contacts.Query) (engage.Page[contacts.Contact], error)
}

// History answers what contacts did; an events.Repository does.
type History interface {
	// History answers a page of the events of contacts, by time.
	History(ctx context.Context, ws engage.WorkspaceID, query events.Query) (engage.Page[events.Event], error)
	// Scan answers a page of all events of the workspace, by id.
	Scan(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[events.Event], error)
}

// Taggings answers which contacts have which tags; a contacts.TaggingRepository
// does.
type Taggings interface {
	Of(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) ([]contacts.Tagging, error)
}

// Subscriptions answers where contacts stand in lists; a
// contacts.MembershipRepository does.
type Subscriptions interface {
	Of(ctx context.Context, ws engage.WorkspaceID, contacts []contacts.ID) ([]contacts.Membership, error)
}

// Schema answers which attributes are defined; an attribute.Repository does.
type Schema interface {
	Definitions(ctx context.Context, ws engage.WorkspaceID, object string) ([]attribute.Definition, error)
}

// Tags tells which tags there are; a contacts.TagRepository does.
type Tags interface {
	Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.TagID) ([]contacts.Tag, error)
}

// Lists tells which lists there are; a contacts.ListRepository does.
type Lists interface {
	Get(ctx context.Context, ws engage.WorkspaceID, ids []contacts.ListID) ([]contacts.List, error)
}

// Deps are what a Service works with.
type Deps struct {
	Runtime       engage.Runtime
	Segments      SegmentRepository
	Facts         FactRepository
	Members       MembershipRepository
	Due           MembershipRepositoryAcross
	Contacts      Contacts
	History       History
	Taggings      Taggings
	Subscriptions Subscriptions

	Schema   Schema                // nil: filters are not checked against definitions, and decimals are text
	Tags     Tags                  // nil: a filter may refer to tags that there are not
	Lists    Lists                 // nil: a filter may refer to lists that there are not
	Settings engage.SettingsReader // nil: every workspace is in UTC and its weeks start on Monday
}

// Config tunes a Service. The zero Config works.
type Config struct{}

// Service holds the rules of segments. It is safe for concurrent use.
type Service struct {
	rt            engage.Runtime
	segments      SegmentRepository
	facts         FactRepository
	members       MembershipRepository
	due           MembershipRepositoryAcross
	contacts      Contacts
	history       History
	taggings      Taggings
	subscriptions Subscriptions
	schema        Schema
	tags          Tags
	lists         Lists
	settings      engage.SettingsReader
	timers        *engage.Loop

	zones sync.Map // of *time.Location by name; nil for names of no zone

	mu       sync.Mutex
	programs map[filter.Hash]*program // a filter's content is its key, so no entry is ever stale
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, _ Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	for _, required := range []struct {
		path  string
		given bool
	}{
		{"segments", d.Segments != nil},
		{"facts", d.Facts != nil},
		{"members", d.Members != nil},
		{"due", d.Due != nil},
		{"contacts", d.Contacts != nil},
		{"history", d.History != nil},
		{"taggings", d.Taggings != nil},
		{"subscriptions", d.Subscriptions != nil},
	} {
		if !required.given {
			faults.Add(required.path, "required", "it is required")
		}
	}
	if err := faults.Err("segments.New", ""); err != nil {
		return nil, err
	}
	s := &Service{
		rt: rt, segments: d.Segments, facts: d.Facts, members: d.Members, due: d.Due,
		contacts: d.Contacts, history: d.History, taggings: d.Taggings, subscriptions: d.Subscriptions,
		schema: d.Schema, tags: d.Tags, lists: d.Lists, settings: d.Settings,
		programs: map[filter.Hash]*program{},
	}
	s.timers = engage.NewLoop("segments.timers", rt.Log, s.ring)
	return s, nil
}

// Workers are the package's background work: the timers, which have contacts
// judged again when time may have changed a verdict.
func (s *Service) Workers() []engage.Worker { return []engage.Worker{s.timers} }

// WeekStart is the key of engage.Settings.Values under which a workspace says on
// which day its weeks start: a weekday's English name as a JSON string, as
// "sunday". Without it they start on Monday.
const WeekStart = "week_start"

// setting reads what a workspace has set.
func (s *Service) setting(ctx context.Context, ws engage.WorkspaceID) (*setting, error) {
	out := &setting{now: s.rt.Clock.Now(), workspace: time.UTC, weekStart: time.Monday, zones: s.zone}
	if s.settings == nil {
		return out, nil
	}
	settings, err := s.settings.Settings(ctx, ws)
	if err != nil {
		return nil, err
	}
	if zone := s.zone(settings.TimeZone); zone != nil {
		out.workspace = zone
	}
	var word string
	if json.Unmarshal(settings.Values[WeekStart], &word) == nil {
		for d := time.Sunday; d <= time.Saturday; d++ {
			if strings.EqualFold(d.String(), word) {
				out.weekStart = d
			}
		}
	}
	return out, nil
}

// zone answers a time zone by its IANA name, nil for an unknown one.
func (s *Service) zone(name string) *time.Location {
	if known, ok := s.zones.Load(name); ok {
		zone, _ := known.(*time.Location)
		return zone
	}
	if name == "" || name == "Local" || len(name) > 64 {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	s.zones.Store(name, zone)
	return zone
}
