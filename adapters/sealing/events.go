package sealing

import "github.com/go-engage/engage"

// KeyCreated says that a workspace has a new data key, which seals from now on.
// Wire name sealing.key.created.v1.
type KeyCreated struct {
	KeyID  KeyID `json:"key_id"`
	Number int   `json:"number"`
}

// KeysErased says that a workspace's data keys are deleted, and with them all
// that they sealed. Wire name sealing.keys.erased.v1.
type KeysErased struct {
	Keys int `json:"keys"`
}

// EventName implements engage.Event.
func (KeyCreated) EventName() string { return "sealing.key.created.v1" }

// EventName implements engage.Event.
func (KeysErased) EventName() string { return "sealing.keys.erased.v1" }

// EventSubject is the key.
func (e KeyCreated) EventSubject() engage.Ref { return engage.RefTo("data_key", e.KeyID) }

// EventSubject is empty: the keys are gone.
func (KeysErased) EventSubject() engage.Ref { return engage.Ref{} }
