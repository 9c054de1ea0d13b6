package sealing

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/go-engage/engage"
)

// KeyProvider wraps data keys by keys of the host: StaticKeys, or what the host
// makes of its key management service. It is safe for concurrent use. Errors are
// answered to the callers of Seal and Open; one of code Unavailable is tried
// again by the worker.
type KeyProvider interface {
	// Newest is the id of the key that data keys are wrapped by from now on, 1 to
	// engage.MaxKeyBytes bytes that are no secret.
	Newest(ctx context.Context) (string, error)
	// Wrap encrypts a data key of KeyBytes by the named key. What it answers
	// unwraps together with the same bound bytes alone: the encryption context, or
	// associated data, of key management services.
	Wrap(ctx context.Context, id string, key, bound []byte) ([]byte, error)
	// Unwrap is the way back. An id that there is no key of answers ErrNotFound;
	// what was changed, or wrapped with other bound bytes, ErrInvalid.
	Unwrap(ctx context.Context, id string, wrapped, bound []byte) ([]byte, error)
}

// StaticKeys is a KeyProvider of keys that the host keeps in its configuration.
// Its keys never leave the process, and it never waits.
type StaticKeys struct {
	newest string
	keys   map[string]*xaes
}

var _ KeyProvider = (*StaticKeys)(nil)

// NewStaticKeys makes a provider that wraps by the newest key and unwraps by the
// older ones, too: a key must be given until no data key is wrapped by it any
// more, which Service.HostKeys tells. Each is KeyBytes random bytes, as they are
// or in base64 (standard, 44 characters, as `openssl rand -base64 32` prints
// them).
// Keys of another length and doubled ones answer ErrInvalid, all at once.
func NewStaticKeys(newest engage.Secret, older ...engage.Secret) (*StaticKeys, error) {
	var faults engage.Faults
	p := &StaticKeys{keys: map[string]*xaes{}}
	for i, secret := range append([]engage.Secret{newest}, older...) {
		path := fmt.Sprintf("keys[%d]", i)
		raw, ok := decodeKey(secret)
		if !ok {
			faults.Add(path, "invalid", "want %d random bytes, or their base64", KeyBytes)
			continue
		}
		id := staticID(raw)
		key, err := newXAES(raw)
		clear(raw)
		if err != nil {
			return nil, &engage.Error{Code: engage.Internal, Op: "sealing.NewStaticKeys", Err: err}
		}
		if p.keys[id] != nil {
			faults.Add(path, "duplicate", "the key is given twice")
		}
		if i == 0 {
			p.newest = id
		}
		p.keys[id] = key
	}
	if err := faults.Err("sealing.NewStaticKeys", ""); err != nil {
		return nil, err
	}
	return p, nil
}

// NewKey draws a random key for NewStaticKeys, in base64.
func NewKey() engage.Secret {
	raw := make([]byte, KeyBytes)
	defer clear(raw)
	_, _ = rand.Read(raw) // never fails
	return engage.NewSecret(base64.StdEncoding.EncodeToString(raw))
}

// decodeKey reads the raw bytes or the base64 of a key.
func decodeKey(secret engage.Secret) ([]byte, bool) {
	text := secret.Reveal()
	if len(text) == KeyBytes {
		return []byte(text), true
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	return raw, err == nil && len(raw) == KeyBytes
}

// staticID names a key by half of its hash, which tells nothing of it.
func staticID(raw []byte) string {
	sum := sha256.Sum256(append([]byte("engage host key"), raw...))
	return "static-" + hex.EncodeToString(sum[:8])
}

// Newest implements KeyProvider: the id is made of the key's hash.
func (p *StaticKeys) Newest(context.Context) (string, error) { return p.newest, nil }

// Wrap implements KeyProvider: a nonce and XAES-256-GCM.
func (p *StaticKeys) Wrap(_ context.Context, id string, key, bound []byte) ([]byte, error) {
	host, err := p.key("Wrap", id)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceBytes, nonceBytes+len(key)+tagBytes)
	_, _ = rand.Read(nonce) // never fails
	return host.seal(nonce, nonce, key, bound)
}

// Unwrap implements KeyProvider.
func (p *StaticKeys) Unwrap(_ context.Context, id string, wrapped, bound []byte) ([]byte, error) {
	host, err := p.key("Unwrap", id)
	if err != nil {
		return nil, err
	}
	fault := &engage.Error{Code: engage.Invalid, Op: "sealing.StaticKeys.Unwrap", Entity: "host key " + id, Err: errWrapped}
	if len(wrapped) < nonceBytes {
		return nil, fault
	}
	key, err := host.open(wrapped[:nonceBytes], wrapped[nonceBytes:], bound)
	if err != nil {
		return nil, fault
	}
	return key, nil
}

func (p *StaticKeys) key(op, id string) (*xaes, error) {
	if key := p.keys[id]; key != nil {
		return key, nil
	}
	return nil, &engage.Error{Code: engage.NotFound, Op: "sealing.StaticKeys." + op, Entity: "host key " + id}
}

// String names the newest key by its id and counts the others.
func (p *StaticKeys) String() string {
	return fmt.Sprintf("host key %s and %d older", p.newest, len(p.keys)-1)
}
