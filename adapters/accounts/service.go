package accounts

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// Deps are what a Service works with.
type Deps struct {
	Runtime       engage.Runtime
	Organizations OrganizationRepository
	Members       MemberRepository
	Workspaces    WorkspaceRepository
	Settings      SettingRepository
	Users         UserRepository
	Teams         TeamRepository
	Levels        LevelRepository
	Access        AccessRepository
	Ownership     Ownership // nil: scopes below ScopeAll hold for no object
	Keys          Keys      // nil: API keys are denied everything
}

// Config tunes a Service. The zero Config works.
type Config struct {
	// Shard is the database of the directory; "": engage.DefaultShard.
	Shard engage.Shard
	// Settings are the settings that workspaces have; default none.
	Settings []SettingDefinition
	// Permissions are added to Catalogue; default none.
	Permissions []Permission
}

// Service holds the rules of accounts. It implements engage.Directory,
// engage.Authorizer and engage.SettingsReader, and is safe for concurrent use.
type Service struct {
	rt            engage.Runtime
	organizations OrganizationRepository
	members       MemberRepository
	workspaces    WorkspaceRepository
	settings      SettingRepository
	users         UserRepository
	teams         TeamRepository
	levels        LevelRepository
	access        AccessRepository
	ownership     Ownership
	keys          Keys

	cfg         Config
	definitions map[string]definition
	catalogue   map[string]Permission
	builtIn     map[LevelID]Level

	rights *cache[rightsKey, rights]
	roles  *cache[roleKey, Role]
	epochs *cache[engage.UserID, int64]
	set    *cache[engage.WorkspaceID, known[engage.Settings]]
	owners *cache[engage.WorkspaceID, OrganizationID]
}

// known is an answer that may be that there is none.
type known[T any] struct {
	there bool
	value T
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, cfg Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	for _, port := range []struct {
		name    string
		missing bool
	}{
		{"organizations", d.Organizations == nil},
		{"members", d.Members == nil},
		{"workspaces", d.Workspaces == nil},
		{"settings", d.Settings == nil},
		{"users", d.Users == nil},
		{"teams", d.Teams == nil},
		{"levels", d.Levels == nil},
		{"access", d.Access == nil},
	} {
		if port.missing {
			faults.Add(port.name, "required", "a repository is required")
		}
	}
	if cfg.Shard == "" {
		cfg.Shard = engage.DefaultShard
	}
	definitions := define(&faults, cfg.Settings)
	catalogue := catalogueOf(&faults, cfg.Permissions)
	if err := faults.Err("accounts.New", ""); err != nil {
		return nil, err
	}
	return &Service{
		rt: rt, organizations: d.Organizations, members: d.Members, workspaces: d.Workspaces, settings: d.Settings,
		users: d.Users, teams: d.Teams, levels: d.Levels, access: d.Access, ownership: d.Ownership, keys: d.Keys,
		cfg: cfg, definitions: definitions, catalogue: catalogue, builtIn: builtInLevels(catalogue),
		rights: newCache[rightsKey, rights](rt),
		roles:  newCache[roleKey, Role](rt),
		epochs: newCache[engage.UserID, int64](rt),
		set:    newCache[engage.WorkspaceID, known[engage.Settings]](rt),
		owners: newCache[engage.WorkspaceID, OrganizationID](rt),
	}, nil
}

// publish tells what happened in an organization.
func (s *Service) publish(ctx context.Context, org OrganizationID, events ...engage.Event) error {
	return s.rt.Events.Publish(ctx, LogOf(org), events...)
}

// requireID is the fault of a zero id.
func requireID(what string) error {
	var faults engage.Faults
	faults.Add(what, "required", "the zero id is refused")
	return faults.Err("accounts", "")
}

// validateName checks a name of any kind.
func validateName(faults *engage.Faults, name string) {
	const path = "name"
	switch key := contacts.FoldName(name); {
	case name == "" || key == "":
		faults.Add(path, "required", "a name is more than space")
	case len(name) > MaxNameBytes || len(key) > engage.MaxKeyBytes: // one letter may fold to eighteen
		faults.Add(path, "too_long", "%d bytes, at most %d", len(name), MaxNameBytes)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
		faults.Add(path, "invalid", "control characters and broken UTF-8 are refused")
	}
}

// validateLocale answers the canonical spelling of a BCP 47 tag; "" is none.
func validateLocale(faults *engage.Faults, path, locale string) string {
	if locale == "" {
		return ""
	}
	tag, err := language.Parse(locale)
	if err != nil || len(locale) > maxLocaleBytes || strings.Contains(locale, "_") {
		faults.Add(path, "invalid", "%.40q is no BCP 47 tag", locale)
		return locale
	}
	return tag.String()
}

// validateTimeZone checks the name of an IANA time zone; "" is none.
func validateTimeZone(faults *engage.Faults, path, zone string) {
	if zone == "" {
		return
	}
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" || len(zone) > 64 {
		faults.Add(path, "unknown", "%.40q is no IANA time zone", zone)
	}
}
