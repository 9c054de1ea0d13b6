package accounts

import "github.com/go-engage/engage"

// Scope says on which objects a permission may be used.
type Scope string

// The scopes. Each holds those before it.
const (
	ScopeOwn  Scope = "own"  // what the user owns
	ScopeTeam Scope = "team" // and what the user's teams and their members own
	ScopeAll  Scope = "all"  // and everything else
)

// IsValid reports whether it is one of the scopes.
func (s Scope) IsValid() bool { return s == ScopeOwn || s == ScopeTeam || s == ScopeAll }

// Permission is a word of the catalogue and what the built-in levels may do with
// it; "" is nothing. Administrators may do everything.
type Permission struct {
	Word                   string // as "contacts.read"; at most 64 letters, digits, "_" and "."
	Manager, Agent, Viewer Scope
}

// Catalogue answers the permissions of the suite. A host adds its own by
// Config.Permissions. What is in neither is denied to everybody.
func Catalogue() []Permission {
	const own, team, all = ScopeOwn, ScopeTeam, ScopeAll
	return []Permission{
		{"ingest", "", "", ""}, // all that write keys have
		{"contacts.read", all, all, all},
		{"contacts.write", all, team, ""},
		{"contacts.delete", all, "", ""},
		{"contacts.import", all, "", ""},
		{"contacts.export", all, "", ""},
		{"attributes.read", all, all, all},
		{"attributes.write", all, "", ""},
		{"events.read", all, all, all},
		{"events.write", all, all, ""},
		{"consents.read", all, all, all},
		{"consents.write", all, all, ""},
		{"segments.read", all, all, all},
		{"segments.write", all, "", ""},

		{"companies.read", all, all, all},
		{"companies.write", all, team, ""},
		{"companies.delete", all, "", ""},
		{"deals.read", all, team, all},
		{"deals.write", all, own, ""},
		{"deals.delete", all, "", ""},
		{"tasks.read", all, team, all},
		{"tasks.write", all, own, ""},
		{"tasks.delete", all, own, ""},
		{"notes.read", all, all, all},
		{"notes.write", all, own, ""},
		{"meetings.read", all, team, all},
		{"meetings.write", all, own, ""},
		{"products.read", all, all, all},
		{"products.write", all, "", ""},

		{"automations.read", all, "", all},
		{"automations.write", all, "", ""},
		{"campaigns.read", all, "", all},
		{"campaigns.write", all, "", ""},
		{"campaigns.send", all, "", ""},
		{"templates.read", all, all, all},
		{"templates.write", all, "", ""},
		{"messages.read", all, team, all},
		{"messages.send", all, team, ""},

		{"wallet.read", all, all, all},
		{"wallet.write", all, "", ""},
		{"loyalty.read", all, all, all},
		{"loyalty.write", all, "", ""},
		{"loyalty.adjust", all, "", ""},

		{"conversations.read", all, team, all},
		{"conversations.write", all, team, ""},
		{"conversations.assign", all, team, ""},
		{"conversations.delete", all, "", ""},
		{"tickets.read", all, team, all},
		{"tickets.write", all, team, ""},
		{"macros.read", all, all, all},
		{"macros.write", all, own, ""},
		{"knowledge.read", all, all, all},
		{"knowledge.write", all, "", ""},

		{"reports.read", all, "", all},
		{"settings.read", all, all, all},
		{"settings.write", "", "", ""},
		{"channels.read", all, all, all},
		{"channels.write", "", "", ""},
		{"webhooks.read", all, "", ""},
		{"webhooks.write", "", "", ""},
		{"users.read", all, all, all},
		{"users.write", "", "", ""},
		{"teams.read", all, all, all},
		{"teams.write", all, "", ""},
		{"levels.read", all, all, all},
		{"levels.write", "", "", ""},
		{"api_keys.read", "", "", ""},
		{"api_keys.write", "", "", ""},
		{"audit.read", "", "", ""},
	}
}

// catalogueOf joins the suite's permissions and the host's.
func catalogueOf(faults *engage.Faults, more []Permission) map[string]Permission {
	catalogue := map[string]Permission{}
	for _, p := range Catalogue() {
		catalogue[p.Word] = p
	}
	for i, p := range more {
		at := "permissions" + item(i, "word")
		if _, twice := catalogue[p.Word]; twice {
			faults.Add(at, "duplicate", "%q is in the catalogue already", p.Word)
		}
		if !isWord(p.Word) {
			faults.Add(at, "invalid", "%.64q: want at most 64 of a-z, 0-9, _ and .", p.Word)
		}
		for _, scope := range [...]Scope{p.Manager, p.Agent, p.Viewer} {
			if scope != "" && !scope.IsValid() {
				faults.Add("permissions"+item(i, "scope"), "invalid", "%.16q: want own, team, all or nothing", string(scope))
			}
		}
		catalogue[p.Word] = p
	}
	return catalogue
}
