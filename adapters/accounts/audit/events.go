package audit

import "github.com/go-engage/engage"

// Recorded says which entries a transaction has written, in the order of their
// events. Wire name audit.entries.recorded.v1.
type Recorded struct {
	Entries []Digested `json:"entries"`
}

// Digested is an entry's id with the hash of what it says.
type Digested struct {
	ID     EntryID `json:"id"`
	Digest Hash    `json:"digest"`
}

// EventName implements engage.Event.
func (Recorded) EventName() string { return "audit.entries.recorded.v1" }

// EventSubject is empty: entries are of many subjects.
func (Recorded) EventSubject() engage.Ref { return engage.Ref{} }
