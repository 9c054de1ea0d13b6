// Package contacts is the heart of the suite: the people a workspace talks to,
// what identifies them, their attributes, tags and lists. Every team that uses
// the suite imports it, and other domains import it for its ids and events.
//
// A contact is anonymous until something names it (a user id, an email address,
// a phone number). [Service.Identify] finds or makes the contact that a set of
// identities belongs to; when an anonymous contact turns out to be a known one,
// the known one absorbs it, and its history stays.
//
// What contacts do is recorded in package contacts/events, and what happened to
// them is told by package contacts/timeline. Attributes are defined in package
// contacts/attribute.
package contacts
