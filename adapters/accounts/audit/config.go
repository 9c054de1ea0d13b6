package audit

import (
	"slices"
	"strings"

	"github.com/go-engage/engage"
)

// Config says which events are commands, and what of them is secret. The zero
// Config works.
type Config struct {
	// Rooms begin the names of events that are commands whoever acts. nil:
	// "accounts.", "plans.", "sealing.".
	Rooms []string
	// Actors are the types of actors whose every event is a command. nil: "user",
	// "api_key".
	Actors []string
	// Ingest are the names of events that API keys publish in masses as they take
	// in what contacts do, and that are no commands then. nil: recorded events,
	// and contacts that are created, updated, identified or merged by them.
	Ingest []string
	// Secrets are words; fields whose names hold one are masked, in any case and
	// with or without separators: "apikey" masks api_key and Api-Key. nil:
	// DefaultSecrets. What is given is added to those.
	Secrets []string
}

// DefaultSecrets are the words that make a field a secret.
func DefaultSecrets() []string {
	return []string{
		"secret", "password", "passwd", "passphrase", "token", "hash", "apikey", "privatekey", "signingkey", "credential",
		"authorization", "cookie", "dsn",
	}
}

// apiKey is the type of the actors that Ingest is about.
const apiKey = "api_key"

// resolve fills the defaults in.
func (cfg Config) resolve() Config {
	if cfg.Rooms == nil {
		cfg.Rooms = []string{"accounts.", "plans.", "sealing."}
	}
	if cfg.Actors == nil {
		cfg.Actors = []string{"user", apiKey}
	}
	if cfg.Ingest == nil {
		cfg.Ingest = []string{
			"contacts.event.recorded.v1", "contacts.contact.created.v1", "contacts.contact.updated.v1",
			"contacts.contact.identified.v1", "contacts.contact.merged.v1",
		}
	}
	secrets := DefaultSecrets()
	for _, word := range cfg.Secrets {
		secrets = append(secrets, bare(word))
	}
	cfg.Secrets = secrets
	return cfg
}

// audits reports whether an event by an actor is a command.
func (cfg Config) audits(actor engage.Actor, name string) bool {
	if name == (Recorded{}).EventName() {
		return false
	}
	if slices.ContainsFunc(cfg.Rooms, func(room string) bool { return strings.HasPrefix(name, room) }) {
		return true
	}
	return slices.Contains(cfg.Actors, actor.Type) && (actor.Type != apiKey || !slices.Contains(cfg.Ingest, name))
}
