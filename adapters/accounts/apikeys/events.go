package apikeys

import (
	"time"

	"github.com/go-engage/engage"
)

// Details are what an event tells of a key. Of its text it tells nothing.
type Details struct {
	Name        string    `json:"name"`
	Kind        Kind      `json:"kind"`
	Permissions []string  `json:"permissions,omitempty"`
	Origins     []string  `json:"origins,omitempty"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
}

// Created says that a key exists. Wire name accounts.key.created.v1.
type Created struct {
	KeyID   ID      `json:"key_id"`
	Details Details `json:"details"`
}

// Updated says how a key was and how it is. Wire name accounts.key.updated.v1.
type Updated struct {
	KeyID ID      `json:"key_id"`
	From  Details `json:"from"`
	To    Details `json:"to"`
}

// Rotated says that a key has another text, and until when the former one
// serves, if it still does. Wire name accounts.key.rotated.v1.
type Rotated struct {
	KeyID       ID        `json:"key_id"`
	Name        string    `json:"name"`
	FormerUntil time.Time `json:"former_until,omitzero"`
}

// Revoked says that a key no longer serves. Wire name accounts.key.revoked.v1.
type Revoked struct {
	KeyID ID     `json:"key_id"`
	Name  string `json:"name"`
}

// Deleted says that a key which had ended is gone from the list. Wire name
// accounts.key.deleted.v1.
type Deleted struct {
	KeyID   ID      `json:"key_id"`
	Details Details `json:"details"`
}

// EventName implements engage.Event.
func (Created) EventName() string { return "accounts.key.created.v1" }

// EventName implements engage.Event.
func (Updated) EventName() string { return "accounts.key.updated.v1" }

// EventName implements engage.Event.
func (Rotated) EventName() string { return "accounts.key.rotated.v1" }

// EventName implements engage.Event.
func (Revoked) EventName() string { return "accounts.key.revoked.v1" }

// EventName implements engage.Event.
func (Deleted) EventName() string { return "accounts.key.deleted.v1" }

// EventSubject is the key.
func (e Created) EventSubject() engage.Ref { return Ref(e.KeyID) }

// EventSubject is the key.
func (e Updated) EventSubject() engage.Ref { return Ref(e.KeyID) }

// EventSubject is the key.
func (e Rotated) EventSubject() engage.Ref { return Ref(e.KeyID) }

// EventSubject is the key.
func (e Revoked) EventSubject() engage.Ref { return Ref(e.KeyID) }

// EventSubject is the key.
func (e Deleted) EventSubject() engage.Ref { return Ref(e.KeyID) }

// Ref points at a key.
func Ref(id ID) engage.Ref { return engage.RefTo("api_key", id) }
