// Package wire has the Wire provider set of the stores in memory: every storage
// port of the suite, over one memory.Store. Programs that compose the suite with
// Wire import it; unit tests are better served by package stacktest.
package wire

import (
	"github.com/google/wire"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/memory"
	"github.com/go-engage/engage/adapters/memory/memaccounts"
	"github.com/go-engage/engage/adapters/memory/memapikeys"
	"github.com/go-engage/engage/adapters/memory/memaudit"
	"github.com/go-engage/engage/adapters/memory/memautomation"
	"github.com/go-engage/engage/adapters/memory/memcontacts"
	"github.com/go-engage/engage/adapters/memory/memmessaging"
	"github.com/go-engage/engage/adapters/memory/memplans"
	"github.com/go-engage/engage/adapters/memory/memsealing"
	"github.com/go-engage/engage/adapters/memory/memsegments"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
)

// Set provides the ports; the *memory.Store is left open.
var Set = wire.NewSet(Ports, Publisher)

// Ports are the Set without the publisher, for hosts whose publisher is another:
// an audit.Recorder.
var Ports = wire.NewSet(
	Transactor, EventLog, ParkedEvents, Leases,
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
	memaccounts.NewOrganizations, wire.Bind(new(accounts.OrganizationRepository), new(*memaccounts.Organizations)),
	memaccounts.NewMembers, wire.Bind(new(accounts.MemberRepository), new(*memaccounts.Members)),
	memaccounts.NewWorkspaces, wire.Bind(new(accounts.WorkspaceRepository), new(*memaccounts.Workspaces)),
	memaccounts.NewSettings, wire.Bind(new(accounts.SettingRepository), new(*memaccounts.Settings)),
	memaccounts.NewUsers, wire.Bind(new(accounts.UserRepository), new(*memaccounts.Users)),
	memaccounts.NewTeams, wire.Bind(new(accounts.TeamRepository), new(*memaccounts.Teams)),
	memaccounts.NewLevels, wire.Bind(new(accounts.LevelRepository), new(*memaccounts.Levels)),
	memaccounts.NewAccess, wire.Bind(new(accounts.AccessRepository), new(*memaccounts.Access)),
	memapikeys.NewKeys, wire.Bind(new(apikeys.Repository), new(*memapikeys.Keys)),
	wire.Bind(new(apikeys.RepositoryAcross), new(*memapikeys.Keys)),
	memaudit.NewEntries, wire.Bind(new(audit.Repository), new(*memaudit.Entries)),
	memplans.NewSubscriptions, wire.Bind(new(plans.SubscriptionRepository), new(*memplans.Subscriptions)),
	memplans.NewUsage, wire.Bind(new(plans.UsageRepository), new(*memplans.Usage)),
	wire.Bind(new(plans.UsageRepositoryAcross), new(*memplans.Usage)),
	memsealing.NewKeys, wire.Bind(new(sealing.DataKeys), new(*memsealing.Keys)),
	wire.Bind(new(sealing.DataKeysAcross), new(*memsealing.Keys)),
)

// Transactor is the store.
func Transactor(store *memory.Store) engage.Transactor { return store }

// Publisher is the store.
func Publisher(store *memory.Store) engage.Publisher { return store }

// EventLog is the log of the store.
func EventLog(store *memory.Store) engage.EventLog { return store }

// ParkedEvents are the parked events of the store.
func ParkedEvents(store *memory.Store) engage.ParkedEvents { return store.Parked() }

// Leases are the named leases of the store.
func Leases(store *memory.Store) engage.Leases { return store.Leases() }
