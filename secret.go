package engage

import (
	"context"
	"fmt"
	"log/slog"
)

// Secret is a value that must not be seen: it prints as *** in fmt, slog, JSON
// and errors, also deep in a struct whose fields fmt can't ask how they print:
// there it shows as an address. Reveal is the only way to the value. The zero
// Secret is empty.
type Secret struct{ value *string }

const masked = "***"

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{value: &value} }

// Reveal is the value. Call it where the secret is used, and nowhere else.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Format prints *** for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(masked)) }

// String is ***.
func (Secret) String() string { return masked }

// LogValue is ***.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText is ***: secrets are write-only in every API.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// UnmarshalText takes the value.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Sealer keeps secrets at rest: one data key a workspace, wrapped by a key of
// the host. Deleting a workspace's data key erases what it sealed.
type Sealer interface {
	// Seal encrypts plain for a workspace. context names the table, column and
	// row; Open needs the same.
	Seal(ctx context.Context, ws WorkspaceID, context string, plain []byte) ([]byte, error)
	// Open decrypts what Seal answered. A sealed value that was tampered with,
	// moved to another row or workspace, or erased answers ErrInvalid.
	Open(ctx context.Context, ws WorkspaceID, context string, sealed []byte) ([]byte, error)
}
