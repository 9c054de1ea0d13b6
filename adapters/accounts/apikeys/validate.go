package apikeys

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/go-engage/engage"
)

// settle brings what a caller says of a key into its form, and answers every
// fault at once. A zero now leaves the expiry alone.
func (s *Service) settle(op string, k *Key, now time.Time) error {
	var faults engage.Faults
	switch {
	case k.Name == "":
		faults.Add("name", "required", "a name is required")
	case len(k.Name) > MaxNameBytes:
		faults.Add("name", "too_long", "%d bytes, at most %d", len(k.Name), MaxNameBytes)
	case !utf8.ValidString(k.Name) || strings.ContainsFunc(k.Name, unicode.IsControl):
		faults.Add("name", "invalid", "control characters and broken UTF-8 are refused")
	}
	if !now.IsZero() && !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now) {
		faults.Add("expires_at", "out_of_range", "the key would have expired already")
	}
	switch k.Kind {
	case WriteKey:
		if len(k.Permissions) > 0 {
			faults.Add("permissions", "not_allowed", "a write key sends in and does nothing else")
		}
		k.Origins = s.settleOrigins(&faults, k.Origins)
	case SecretKey:
		if len(k.Origins) > 0 {
			faults.Add("origins", "not_allowed", "a secret key must not be in a web page")
		}
		k.Permissions = s.settlePermissions(&faults, k.Permissions)
	default:
		faults.Add("kind", "unknown", "%.20q is no kind of key", string(k.Kind))
	}
	return faults.Err(op, "")
}

func (s *Service) settlePermissions(faults *engage.Faults, permissions []string) []string {
	switch n := len(permissions); {
	case n == 0:
		faults.Add("permissions", "required", "a secret key without permissions opens nothing")
	case n > MaxPermissions:
		faults.Add("permissions", "too_many", "%d, at most %d", n, MaxPermissions)
		return permissions
	}
	for i, permission := range permissions {
		if validatePermission(faults, item("permissions", i), permission) && s.cfg.Permissions != nil && !slices.Contains(s.cfg.Permissions, permission) {
			faults.Add(item("permissions", i), "unknown", "%q is no permission", permission)
		}
	}
	permissions = slices.Clone(permissions)
	slices.Sort(permissions)
	return slices.Compact(permissions)
}

// validatePermission checks that a permission is words of lower-case letters,
// digits and underscores, joined by dots.
func validatePermission(faults *engage.Faults, path, permission string) bool {
	ok := permission != "" && len(permission) <= MaxPermissionBytes
	for word := range strings.SplitSeq(permission, ".") {
		ok = ok && word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
	}
	if !ok {
		faults.Add(path, "invalid", `%.70q is no permission: want words as "contacts.write", at most %d bytes`, permission, MaxPermissionBytes)
	}
	return ok
}

func (s *Service) settleOrigins(faults *engage.Faults, origins []string) []string {
	if n := len(origins); n > MaxOrigins {
		faults.Add("origins", "too_many", "%d, at most %d", n, MaxOrigins)
		return origins
	}
	var settled []string
	for i, origin := range origins {
		plain, err := normaliseOrigin(origin)
		if err != nil {
			faults.Add(item("origins", i), "invalid", "%.80q: %v", origin, err)
			continue
		}
		settled = append(settled, plain)
	}
	slices.Sort(settled)
	return slices.Compact(settled)
}

var errOrigin = errors.New(`want scheme, host and port if it is not the usual one, as "https://shop.example"`)

// normaliseOrigin is the origin as browsers send it (RFC 6454 §6.2): lower-case,
// the host in ASCII, without the scheme's usual port.
func normaliseOrigin(origin string) (string, error) {
	if len(origin) > engage.MaxKeyBytes {
		return "", fmt.Errorf("%d bytes, at most %d", len(origin), engage.MaxKeyBytes)
	}
	u, err := url.Parse(origin)
	if err != nil {
		return "", errOrigin // url's error quotes what it was given
	}
	usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	if usual == "" || u.Host == "" || strings.TrimPrefix(origin[len(u.Scheme):], "://") != u.Host {
		return "", errOrigin // no web origin, or more than one: a path, a user, a query
	}
	host := strings.ToLower(u.Hostname())
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" {
		host = address.String()
		if address.Is6() {
			host = "[" + host + "]"
		}
	} else if host, err = idna.Lookup.ToASCII(host); err != nil || host == "" || strings.Contains(u.Host, "[") {
		return "", errOrigin
	}
	port := u.Port()
	if n, err := strconv.ParseUint(port, 10, 16); strings.HasSuffix(u.Host, ":") || port != "" && (err != nil || strconv.FormatUint(n, 10) != port) {
		return "", errOrigin
	}
	if port != "" && port != usual {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}

func same(a, b Key) bool {
	return a.Name == b.Name && a.ExpiresAt.Equal(b.ExpiresAt) && slices.Equal(a.Permissions, b.Permissions) && slices.Equal(a.Origins, b.Origins)
}

// item is the path of an item of a list.
func item(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
