// Package wiring has the Wire provider sets of the domains: their services with
// their dependencies, ports left open. Programs that compose the suite with Wire
// import it beside the sets of a storage adapter; package stack does, and shows
// how. A program that composes by hand needs neither.
package wiring

import (
	"github.com/google/wire"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/accounts/audit"
	"github.com/go-engage/engage/adapters/accounts/plans"
	"github.com/go-engage/engage/adapters/sealing"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
	"github.com/go-engage/engage/contacts/events"
	"github.com/go-engage/engage/contacts/timeline"
	"github.com/go-engage/engage/messaging"
	"github.com/go-engage/engage/segments"
)

// Runtime makes an engage.Runtime of its parts.
var Runtime = wire.NewSet(wire.Struct(new(engage.Runtime), "*"))

// Contacts has the services of contacts, their events and their timelines.
var Contacts = wire.NewSet(
	contacts.New, wire.Struct(new(contacts.Deps), "*"),
	events.New, wire.Struct(new(events.Deps), "*"), events.NewCollector,
	timeline.New, wire.Struct(new(timeline.Deps), "*"),
	wire.Bind(new(timeline.History), new(*contacts.Service)),
)

// Segments has the service of segments; what it asks of contacts it asks of
// their repositories.
var Segments = wire.NewSet(
	segments.New, wire.Struct(new(segments.Deps), "*"),
	Judged, History, Taggings, Subscriptions, Schema, Tags, Lists,
)

// Automation has the service of workflows and runs.
var Automation = wire.NewSet(automation.New, wire.Struct(new(automation.Deps), "*"))

// Messaging has the service of templates and messages.
var Messaging = wire.NewSet(
	messaging.New, wire.Struct(new(messaging.Deps), "*"),
	Recipients,
)

// Accounts has the services of people and places, of their keys and of the audit
// trail. Hosts that have their own leave it out.
var Accounts = wire.NewSet(
	accounts.New, wire.Struct(new(accounts.Deps), "*"),
	apikeys.New, wire.Struct(new(apikeys.Deps), "*"), wire.Bind(new(accounts.Keys), new(*apikeys.Service)),
	audit.New, wire.Struct(new(audit.Deps), "*"),
)

// Plans has the service of plans and usage.
var Plans = wire.NewSet(
	plans.New, wire.Struct(new(plans.Deps), "*"),
	wire.Bind(new(plans.Organizations), new(*accounts.Service)),
)

// Sealing has the service that seals secrets.
var Sealing = wire.NewSet(
	sealing.New, wire.Struct(new(sealing.Deps), "*"),
	wire.Bind(new(engage.Sealer), new(*sealing.Service)),
)

// All has every domain.
var All = wire.NewSet(Runtime, Contacts, Segments, Automation, Messaging)

// The ports of one domain that another's parts satisfy are functions, because
// wire.Bind can't leave those parts open.

// Recipients are the contacts that messages go to.
func Recipients(c *contacts.Service) messaging.Contacts { return c }

// Judged are the contacts that segments judge.
func Judged(r contacts.Repository) segments.Contacts { return r }

// History is what contacts did, as segments ask for it.
func History(r events.Repository) segments.History { return r }

// Taggings are the tags of contacts, as segments ask for them.
func Taggings(r contacts.TaggingRepository) segments.Taggings { return r }

// Subscriptions are the memberships of contacts, as segments ask for them.
func Subscriptions(r contacts.MembershipRepository) segments.Subscriptions { return r }

// Schema is the definitions that segments check filters against.
func Schema(r attribute.Repository) segments.Schema { return r }

// Tags are those that filters may name.
func Tags(r contacts.TagRepository) segments.Tags { return r }

// Lists are those that filters may name.
func Lists(r contacts.ListRepository) segments.Lists { return r }
