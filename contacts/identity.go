package contacts

import (
	"cmp"
	"context"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-engage/engage"
)

// IdentityKind says what an identity is. Besides the four below a host may use
// kinds of its own, named "custom." and a word.
type IdentityKind string

// The kinds of identities, the strongest first: of several contacts that claim
// to be one, the one that owns the strongest identity stays.
const (
	UserID      IdentityKind = "user_id"      // the host's own id of a person
	Email       IdentityKind = "email"        // an email address
	Phone       IdentityKind = "phone"        // a phone number in E.164, as +33612345678
	AnonymousID IdentityKind = "anonymous_id" // a device or a browser
)

const customPrefix = "custom."

// Custom is the kind of a host's own identities, as Custom("crm_id").
func Custom(name string) IdentityKind { return IdentityKind(customPrefix + name) }

// IsStrong reports whether an identity of the kind names a person: all but
// anonymous ids do.
func (k IdentityKind) IsStrong() bool { return k != AnonymousID }

func (k IdentityKind) rank() int {
	switch k {
	case UserID:
		return 0
	case Email:
		return 1
	case Phone:
		return 2
	case AnonymousID:
		return 4
	default:
		return 3
	}
}

// Identity is something a contact is known by. One identity belongs to one
// contact of a workspace.
type Identity struct {
	Kind IdentityKind
	// Value is compared byte by byte. Emails and phones are normalised first;
	// other kinds are kept as they come.
	Value      string
	Display    string    // as it was given, where Value differs
	AddedAt    time.Time // when the contact got it
	VerifiedAt time.Time // when the contact proved it; zero: never
}

// Key is what identifies the identity.
func (i Identity) Key() IdentityKey { return IdentityKey{Kind: i.Kind, Value: i.Value} }

// IdentityKey is a kind and a normalised value.
type IdentityKey struct {
	Kind  IdentityKind `json:"kind"`
	Value string       `json:"value"`
}

// String is "kind:value".
func (k IdentityKey) String() string { return string(k.Kind) + ":" + k.Value }

// Compare orders by strength, then by kind, then by value.
func (k IdentityKey) Compare(other IdentityKey) int {
	return cmp.Or(
		cmp.Compare(k.Kind.rank(), other.Kind.rank()),
		cmp.Compare(k.Kind, other.Kind),
		cmp.Compare(k.Value, other.Value))
}

// PhoneParser brings phone numbers to E.164. Without one only numbers that
// already start with + are accepted; adapters/phone knows national forms.
type PhoneParser interface {
	// ParsePhone answers the number in E.164, or ErrInvalid.
	ParsePhone(ctx context.Context, ws engage.WorkspaceID, number string) (string, error)
}

// normaliseIdentity answers the identity with its value in normal form, or adds
// to faults.
func (s *Service) normaliseIdentity(ctx context.Context, ws engage.WorkspaceID, in Identity, faults *engage.Faults, path string) Identity {
	before := len(*faults)
	custom, isCustom := strings.CutPrefix(string(in.Kind), customPrefix)
	switch {
	case isCustom && (custom == "" || len(in.Kind) > engage.MaxKeyBytes || strings.ContainsFunc(custom, func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})):
		faults.Add(path+".kind", "invalid", "a custom kind is custom. and a word of a-z, 0-9 and _")
	case !isCustom && in.Kind != UserID && in.Kind != Email && in.Kind != Phone && in.Kind != AnonymousID:
		faults.Add(path+".kind", "unknown", "%.40q is no kind of identity", string(in.Kind))
	case in.Value == "":
		faults.Add(path+".value", "required", "an identity needs a value")
	case len(in.Value) > engage.MaxKeyBytes:
		faults.Add(path+".value", "too_long", "%d bytes, at most %d", len(in.Value), engage.MaxKeyBytes)
	case !utf8.ValidString(in.Value) || strings.ContainsFunc(in.Value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		faults.Add(path+".value", "invalid", "control characters and broken UTF-8 are refused")
	}
	if len(*faults) > before {
		return in
	}
	normal := in.Value
	switch in.Kind {
	case Email:
		address, err := NormaliseEmail(in.Value)
		if err != nil {
			faults.Add(path+".value", "invalid", "not an email address")
		}
		normal = address
	case Phone:
		number, err := s.phones.ParsePhone(ctx, ws, in.Value)
		if err != nil {
			faults.Add(path+".value", "invalid", "not a phone number in international form")
		}
		normal = number
	case UserID, AnonymousID: // as are custom kinds
	}
	if in.Display == "" && normal != in.Value {
		in.Display = in.Value
	}
	in.Value = normal
	in.AddedAt, in.VerifiedAt = engage.Instant(in.AddedAt), engage.Instant(in.VerifiedAt)
	return in
}

// NormaliseEmail answers the address by which contacts are compared: the bare
// address, without surrounding space, NFKC and case-folded. Anything that is not
// one address of at most 254 bytes (RFC 5321) answers ErrInvalid.
func NormaliseEmail(address string) (string, error) {
	folded := fold(strings.TrimFunc(address, isSpace))
	parsed, err := mail.ParseAddress(folded)
	if err != nil || !utf8.ValidString(address) || parsed.Address != folded || len(folded) > 254 || strings.ContainsFunc(folded, isSpace) {
		return "", &engage.Error{Code: engage.Invalid, Op: "contacts.NormaliseEmail"}
	}
	return folded, nil
}

// isSpace includes the no-break spaces that spreadsheets leave behind.
func isSpace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\u00a0' || r == '\u202f' || r == '\u200b' || r == '\ufeff'
}

// internationalOnly is the PhoneParser of a service that was given none.
type internationalOnly struct{}

func (internationalOnly) ParsePhone(_ context.Context, _ engage.WorkspaceID, number string) (string, error) {
	var b strings.Builder
	for i, r := range strings.TrimFunc(number, isSpace) {
		switch {
		case r == '+' && i == 0, r >= '0' && r <= '9':
			b.WriteRune(r)
		case isSpace(r), r == '-', r == '.', r == '(', r == ')', r == '/':
		default:
			return "", engage.ErrInvalid
		}
	}
	e164 := b.String()
	// E.164 allows 15 digits; no country's numbers are shorter than 7 with the code.
	if !strings.HasPrefix(e164, "+") || strings.HasPrefix(e164, "+0") || len(e164) < 8 || len(e164) > 16 {
		return "", engage.ErrInvalid
	}
	return e164, nil
}
