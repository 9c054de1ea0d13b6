// Package wire has the Wire provider set of the stores on SQL databases: every storage
// port of the suite, over one bunstore.Store. Programs that compose the suite with
// Wire import it.
package wire

import (
	"github.com/google/wire"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/go-engage/engage/adapters/bunstore/bunaccounts"
	"github.com/go-engage/engage/adapters/bunstore/bunapikeys"
	"github.com/go-engage/engage/adapters/bunstore/bunaudit"
	"github.com/go-engage/engage/adapters/bunstore/bunautomation"
	"github.com/go-engage/engage/adapters/bunstore/buncontacts"
	"github.com/go-engage/engage/adapters/bunstore/bunmessaging"
	"github.com/go-engage/engage/adapters/bunstore/bunplans"
	"github.com/go-engage/engage/adapters/bunstore/bunsealing"
	"github.com/go-engage/engage/adapters/bunstore/bunsegments"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
)

// Set provides the ports; the *bunstore.Store is left open.
var Set = wire.NewSet(Ports, Publisher)

// Ports are the Set without the publisher, for hosts whose publisher is another:
// an audit.Recorder.
var Ports = wire.NewSet(
	Transactor, EventLog, ParkedEvents, Leases,
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
	Directory,
	bunaccounts.NewOrganizations, wire.Bind(new(accounts.OrganizationRepository), new(*bunaccounts.Organizations)),
	bunaccounts.NewMembers, wire.Bind(new(accounts.MemberRepository), new(*bunaccounts.Members)),
	bunaccounts.NewWorkspaces, wire.Bind(new(accounts.WorkspaceRepository), new(*bunaccounts.Workspaces)),
	bunaccounts.NewSettings, wire.Bind(new(accounts.SettingRepository), new(*bunaccounts.Settings)),
	bunaccounts.NewUsers, wire.Bind(new(accounts.UserRepository), new(*bunaccounts.Users)),
	bunaccounts.NewTeams, wire.Bind(new(accounts.TeamRepository), new(*bunaccounts.Teams)),
	bunaccounts.NewLevels, wire.Bind(new(accounts.LevelRepository), new(*bunaccounts.Levels)),
	bunaccounts.NewAccess, wire.Bind(new(accounts.AccessRepository), new(*bunaccounts.Access)),
	bunapikeys.NewKeys, wire.Bind(new(apikeys.Repository), new(*bunapikeys.Keys)),
	wire.Bind(new(apikeys.RepositoryAcross), new(*bunapikeys.Keys)),
	bunaudit.NewEntries, wire.Bind(new(audit.Repository), new(*bunaudit.Entries)),
	bunplans.NewSubscriptions, wire.Bind(new(plans.SubscriptionRepository), new(*bunplans.Subscriptions)),
	bunplans.NewUsage, wire.Bind(new(plans.UsageRepository), new(*bunplans.Usage)),
	wire.Bind(new(plans.UsageRepositoryAcross), new(*bunplans.Usage)),
	bunsealing.NewKeys, wire.Bind(new(sealing.DataKeys), new(*bunsealing.Keys)),
	wire.Bind(new(sealing.DataKeysAcross), new(*bunsealing.Keys)),
)

// Transactor is the store.
func Transactor(store *bunstore.Store) engage.Transactor { return store }

// Publisher is the store.
func Publisher(store *bunstore.Store) engage.Publisher { return store }

// EventLog is the log of the store.
func EventLog(store *bunstore.Store) engage.EventLog { return store.Log() }

// ParkedEvents are the parked events of the store.
func ParkedEvents(store *bunstore.Store) engage.ParkedEvents { return store.Parked() }

// Leases are the named leases of the store.
func Leases(store *bunstore.Store) engage.Leases { return store.Leases() }

// Directory is the database of accounts.
func Directory(store *bunstore.Store, cfg accounts.Config) *bunaccounts.Directory {
	return bunaccounts.NewDirectory(store, cfg.Shard)
}
