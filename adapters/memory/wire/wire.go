// Package wire has the Wire provider set of the stores in memory: every storage
// port of the suite, over one memory.Store. Programs that compose the suite with
// Wire import it; unit tests are better served by package stacktest.
package wire

import (
	"github.com/google/wire"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/memory/memmessaging"
	"github.com/go-engage/engage/adapters/memory/memsegments"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
)

// Set provides the ports; the *memory.Store is left open.
var Set = wire.NewSet(
	Transactor, Publisher, EventLog, ParkedEvents,
	memcontacts.NewContacts, wire.Bind(new(contacts.Repository), new(*memcontacts.Contacts)),
	wire.Bind(new(events.Contacts), new(*memcontacts.Contacts)),
	memcontacts.NewAttributes, wire.Bind(new(attribute.Repository), new(*memcontacts.Attributes)),
	memcontacts.NewTags, wire.Bind(new(contacts.TagRepository), new(*memcontacts.Tags)),
	memcontacts.NewTaggings, wire.Bind(new(contacts.TaggingRepository), new(*memcontacts.Taggings)),
	memcontacts.NewLists, wire.Bind(new(contacts.ListRepository), new(*memcontacts.Lists)),
	memcontacts.NewMembers, wire.Bind(new(contacts.MembershipRepository), new(*memcontacts.Members)),
	memcontacts.NewEvents, wire.Bind(new(events.Repository), new(*memcontacts.Events)),
	memcontacts.NewTimeline, wire.Bind(new(timeline.Repository), new(*memcontacts.Timeline)),
	memsegments.NewSegments, wire.Bind(new(segments.SegmentRepository), new(*memsegments.Segments)),
	memsegments.NewFacts, wire.Bind(new(segments.FactRepository), new(*memsegments.Facts)),
	memsegments.NewMembers, wire.Bind(new(segments.MembershipRepository), new(*memsegments.Members)),
	wire.Bind(new(segments.MembershipRepositoryAcross), new(*memsegments.Members)),
	memautomation.NewWorkflows, wire.Bind(new(automation.WorkflowRepository), new(*memautomation.Workflows)),
	memautomation.NewRuns, wire.Bind(new(automation.RunRepository), new(*memautomation.Runs)),
	wire.Bind(new(automation.RunRepositoryAcross), new(*memautomation.Runs)),
	memmessaging.NewTemplates, wire.Bind(new(messaging.TemplateRepository), new(*memmessaging.Templates)),
	memmessaging.NewMessages, wire.Bind(new(messaging.MessageRepository), new(*memmessaging.Messages)),
	wire.Bind(new(messaging.MessageRepositoryAcross), new(*memmessaging.Messages)),
)

// Transactor is the store.
func Transactor(store *memory.Store) engage.Transactor { return store }

// Publisher is the store.
func Publisher(store *memory.Store) engage.Publisher { return store }

// EventLog is the log of the store.
func EventLog(store *memory.Store) engage.EventLog { return store }

// ParkedEvents are the parked events of the store.
func ParkedEvents(store *memory.Store) engage.ParkedEvents { return store.Parked() }
