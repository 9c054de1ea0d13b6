package engage

import (
	"context"
	"encoding/json"
	"io"
	"time"
)

// Directory answers the few facts about users and teams that domains need. A
// host implements it on its own tables.
type Directory interface {
	// Users answers the workspace's users among ids; unknown ones are left out.
	Users(ctx context.Context, ws WorkspaceID, ids []UserID) ([]User, error)
	// Teams answers the workspace's teams among ids; unknown ones are left out.
	Teams(ctx context.Context, ws WorkspaceID, ids []TeamID) ([]Team, error)
}

// User is a person who works with the platform.
type User struct {
	ID       UserID
	Name     string
	Email    string
	Locale   string // BCP 47; "": the workspace's
	TimeZone string // IANA; "": the workspace's
}

// Team is a group of users.
type Team struct {
	ID      TeamID
	Name    string
	Members []UserID
}

// Authorizer decides what an actor may do. Edges ask it; services do not.
type Authorizer interface {
	// Authorize answers nil, ErrPermissionDenied, or ErrUnauthenticated when
	// ctx names no actor. permission is a word as "contacts.write".
	Authorize(ctx context.Context, ws WorkspaceID, permission string, object Ref) error
}

// SettingsReader answers a workspace's settings, with the host's defaults where
// nothing is set.
type SettingsReader interface {
	// Settings answers the workspace's settings; an unknown workspace answers
	// ErrNotFound.
	Settings(ctx context.Context, ws WorkspaceID) (Settings, error)
}

// Settings are what every domain may need to know of a workspace.
type Settings struct {
	Name     string
	Locale   string // BCP 47
	TimeZone string // IANA
	Currency Currency
	Values   map[string]json.RawMessage // typed settings of the host and of adapters, by key
}

// KeyVerifier tells whom an API key belongs to.
type KeyVerifier interface {
	// VerifyKey answers the grant of a key, or ErrUnauthenticated for one that
	// is unknown, revoked or expired.
	VerifyKey(ctx context.Context, key Secret) (Grant, error)
}

// Grant is what an API key allows.
type Grant struct {
	Workspace   WorkspaceID
	Actor       Actor
	Permissions []string
}

// Telemetry takes measurements. Names are engage.<package>.<thing>; the
// workspace is never an attribute. attrs are alternating keys and values.
type Telemetry interface {
	// Count adds to a counter.
	Count(ctx context.Context, name string, n int64, attrs ...string)
	// Record notes one value of a histogram, in the unit the name's documentation gives.
	Record(ctx context.Context, name string, value float64, attrs ...string)
	// Span starts a span; the function it answers ends it with the outcome.
	Span(ctx context.Context, name string, attrs ...string) (context.Context, func(error))
}

// Blobs keeps files by content. Keys are made by the caller and hold no user
// input.
type Blobs interface {
	// Put stores what r holds under key, or replaces it.
	Put(ctx context.Context, ws WorkspaceID, key string, r io.Reader) error
	// Get opens a blob; the caller closes it. A missing one answers ErrNotFound.
	Get(ctx context.Context, ws WorkspaceID, key string) (io.ReadCloser, error)
	// Delete removes a blob; a missing one is no error.
	Delete(ctx context.Context, ws WorkspaceID, key string) error
	// URL answers a link that reads the blob until it expires, or
	// ErrUnimplemented.
	URL(ctx context.Context, ws WorkspaceID, key string, expires time.Time) (string, error)
}
