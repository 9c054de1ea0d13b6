// Package accounts keeps the people and the places of a platform: organizations
// with their members, workspaces with their settings, users, teams, and access
// levels. Hosts that have no tables of their own for these import it; it
// implements the ports that the suite asks a host for, and no other package of
// the suite needs it.
//
// # Where it stands
//
// Organizations and users are above workspaces, so all of it lives in one
// database, the directory (Config.Shard), whatever database a workspace's own
// data lives in. Every change runs in Transactor.InShard: it joins a caller's
// InShard transaction and refuses to run in one that is pinned to a workspace.
// Changes of one organization run one after another, by a lock on its row; so
// its last administrator stays, however many leave at once.
//
// # Events
//
// What happens in an organization and in its workspaces stands in the log of the
// organization, [LogOf], and what happens to a user in that of the user,
// [UserLogOf]: a user is in many organizations or in none, and a change is told
// once. A store of several databases has to resolve both to the directory's.
// Every change of an object is one event, with what was and what is.
//
// # Who may do what
//
// A [Permission] is a word, as "contacts.read". An access level gives
// permissions, each for what is the user's own, the team's, or for all. A user
// has one level in a workspace. [Service.Authorize] answers from at most five
// seconds ago, so that whoever loses an access level, a membership, a session or
// a key has lost it everywhere five seconds later. Who may call the service's
// own methods is decided at the edge, by Authorize and
// [Service.AuthorizeOrganization].
package accounts
