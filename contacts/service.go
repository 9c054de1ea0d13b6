package contacts

import (
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts/attribute"
)

// Deps are what a Service works with.
type Deps struct {
	Runtime  engage.Runtime
	Contacts Repository
	Schema   attribute.Repository
	Tags     TagRepository
	Taggings TaggingRepository
	Lists    ListRepository
	Members  MembershipRepository
	Phones   PhoneParser // nil: numbers must be in international form
}

// Config tunes a Service. The zero Config works.
type Config struct {
	// UnknownAttributes says what happens to attributes without a definition;
	// default attribute.AcceptUnknown.
	UnknownAttributes attribute.Policy
}

// Service holds the rules of contacts. It is safe for concurrent use.
type Service struct {
	rt       engage.Runtime
	contacts Repository
	schema   attribute.Repository
	tags     TagRepository
	taggings TaggingRepository
	lists    ListRepository
	members  MembershipRepository
	phones   PhoneParser
	cfg      Config
}

// New makes a Service, or answers every fault of its arguments at once.
func New(d Deps, cfg Config) (*Service, error) {
	var faults engage.Faults
	rt := d.Runtime.Resolve(&faults)
	if d.Contacts == nil {
		faults.Add("contacts", "required", "a Repository is required")
	}
	if d.Schema == nil {
		faults.Add("schema", "required", "an attribute.Repository is required")
	}
	if d.Tags == nil || d.Taggings == nil {
		faults.Add("tags", "required", "a TagRepository and a TaggingRepository are required")
	}
	if d.Lists == nil || d.Members == nil {
		faults.Add("lists", "required", "a ListRepository and a MembershipRepository are required")
	}
	switch cfg.UnknownAttributes {
	case "":
		cfg.UnknownAttributes = attribute.AcceptUnknown
	case attribute.AcceptUnknown, attribute.RejectUnknown:
	default:
		faults.Add("unknown_attributes", "unknown", "%.40q is no policy", string(cfg.UnknownAttributes))
	}
	if d.Phones == nil {
		d.Phones = internationalOnly{}
	}
	if err := faults.Err("contacts.New", ""); err != nil {
		return nil, err
	}
	return &Service{
		rt: rt, contacts: d.Contacts, schema: d.Schema, tags: d.Tags, taggings: d.Taggings,
		lists: d.Lists, members: d.Members, phones: d.Phones, cfg: cfg,
	}, nil
}

// validateProfile checks what a contact consists of besides identities.
func validateProfile(faults *engage.Faults, path, locale, timeZone string, set attribute.Set) {
	if len(locale) > 35 || !isPlain(locale) { // RFC 5646 §4.4.1
		faults.Add(path+"locale", "invalid", "a BCP 47 tag has at most 35 characters")
	}
	if timeZone != "" {
		if _, err := time.LoadLocation(timeZone); err != nil || timeZone == "Local" || len(timeZone) > 64 {
			faults.Add(path+"time_zone", "unknown", "%.40q is no IANA time zone", timeZone)
		}
	}
	if n := len(set.JSON()); n > attribute.MaxSetBytes {
		faults.Add(path+"attributes", "too_long", "%d bytes together, at most %d", n, attribute.MaxSetBytes)
	}
}

func isPlain(s string) bool {
	for _, r := range s {
		if r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return true
}

// validateName checks the name of a tag or a list.
func validateName(faults *engage.Faults, path, name string) {
	switch {
	case name == "":
		faults.Add(path, "required", "a name is required")
	case len(name) > MaxNameBytes:
		faults.Add(path, "too_long", "%d bytes, at most %d", len(name), MaxNameBytes)
	case !utf8.ValidString(name) || containsControl(name):
		faults.Add(path, "invalid", "control characters and broken UTF-8 are refused")
	}
}

func containsControl(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f {
			return true
		}
	}
	return false
}
