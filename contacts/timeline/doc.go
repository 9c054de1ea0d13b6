// Package timeline tells what happened to a contact, entry by entry, in the
// order of time. Teams that show a contact import it. Its entries are written by
// a consumer of the log, so they follow the changes they tell of by a moment.
package timeline
