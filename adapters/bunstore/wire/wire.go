// Package wire has the Wire provider set of the stores on SQL databases: every storage
// port of the suite, over one bunstore.Store. Programs that compose the suite with
// Wire import it.
package wire

import (
	"github.com/google/wire"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
)

// Set provides the ports; the *bunstore.Store is left open.
var Set = wire.NewSet(
	Transactor, Publisher, EventLog, ParkedEvents,
	buncontacts.NewContacts, wire.Bind(new(contacts.Repository), new(*buncontacts.Contacts)),
	wire.Bind(new(events.Contacts), new(*buncontacts.Contacts)),
	buncontacts.NewAttributes, wire.Bind(new(attribute.Repository), new(*buncontacts.Attributes)),
	buncontacts.NewTags, wire.Bind(new(contacts.TagRepository), new(*buncontacts.Tags)),
	buncontacts.NewTaggings, wire.Bind(new(contacts.TaggingRepository), new(*buncontacts.Taggings)),
	buncontacts.NewLists, wire.Bind(new(contacts.ListRepository), new(*buncontacts.Lists)),
	buncontacts.NewMembers, wire.Bind(new(contacts.MembershipRepository), new(*buncontacts.Members)),
	buncontacts.NewEvents, wire.Bind(new(events.Repository), new(*buncontacts.Events)),
	buncontacts.NewTimeline, wire.Bind(new(timeline.Repository), new(*buncontacts.Timeline)),
	bunsegments.NewSegments, wire.Bind(new(segments.SegmentRepository), new(*bunsegments.Segments)),
	bunsegments.NewFacts, wire.Bind(new(segments.FactRepository), new(*bunsegments.Facts)),
	bunsegments.NewMembers, wire.Bind(new(segments.MembershipRepository), new(*bunsegments.Members)),
	wire.Bind(new(segments.MembershipRepositoryAcross), new(*bunsegments.Members)),
	bunautomation.NewWorkflows, wire.Bind(new(automation.WorkflowRepository), new(*bunautomation.Workflows)),
	bunautomation.NewRuns, wire.Bind(new(automation.RunRepository), new(*bunautomation.Runs)),
	wire.Bind(new(automation.RunRepositoryAcross), new(*bunautomation.Runs)),
	bunmessaging.NewTemplates, wire.Bind(new(messaging.TemplateRepository), new(*bunmessaging.Templates)),
	bunmessaging.NewMessages, wire.Bind(new(messaging.MessageRepository), new(*bunmessaging.Messages)),
	wire.Bind(new(messaging.MessageRepositoryAcross), new(*bunmessaging.Messages)),
)

// Transactor is the store.
func Transactor(store *bunstore.Store) engage.Transactor { return store }

// Publisher is the store.
func Publisher(store *bunstore.Store) engage.Publisher { return store }

// EventLog is the log of the store.
func EventLog(store *bunstore.Store) engage.EventLog { return store.Log() }

// ParkedEvents are the parked events of the store.
func ParkedEvents(store *bunstore.Store) engage.ParkedEvents { return store.Parked() }
