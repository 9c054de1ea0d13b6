package sealing

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/go-engage/engage"
)

type keyKind struct{}

// IDPrefix implements engage.Kind.
func (keyKind) IDPrefix() string { return "dky" }

// KeyID identifies a data key.
type KeyID = engage.ID[keyKind]

// DataKey seals what a workspace keeps secret. It is stored wrapped by a key of
// the host, and is of no use without that.
type DataKey struct {
	ID KeyID
	// Number counts the workspace's data keys from 1. The greatest seals, all
	// open.
	Number    int
	WrappedBy string // the id of the host's key
	Wrapped   []byte
	CreatedAt time.Time
	WrappedAt time.Time // when it was wrapped last
	Version   engage.Version
}

// DataKeys keeps the data keys of workspaces. Writes need the transaction in ctx
// and take effect whole or not at all.
type DataKeys interface {
	// Add stores a key with Version 1 and answers true, or false when the
	// workspace has one of its number; a taken id answers ErrAlreadyExists. Of
	// several callers at once, one adds, and the others wait for its transaction.
	Add(ctx context.Context, ws engage.WorkspaceID, key DataKey) (bool, error)
	// Newest answers the key with the greatest number, ErrNotFound when there is
	// none.
	Newest(ctx context.Context, ws engage.WorkspaceID) (DataKey, error)
	// Get answers a key, or ErrNotFound.
	Get(ctx context.Context, ws engage.WorkspaceID, id KeyID) (DataKey, error)
	// List answers keys ordered by id.
	List(ctx context.Context, ws engage.WorkspaceID, page engage.PageRequest) (engage.Page[DataKey], error)
	// Erase removes all keys of the workspace and answers how many there were.
	Erase(ctx context.Context, ws engage.WorkspaceID) (int, error)
}

// DataKeyAcross is a data key with its workspace.
type DataKeyAcross struct {
	Workspace engage.WorkspaceID
	Key       DataKey
}

// DataKeysAcross is what the worker needs of all workspaces of a database.
type DataKeysAcross interface {
	// OutdatedAcross answers up to limit keys, at most engage.MaxBatch, that
	// another key of the host wraps than the newest, ordered by workspace and id
	// and behind those of after; the zero DataKeyAcross is before all. It needs no
	// transaction.
	OutdatedAcross(ctx context.Context, shard engage.Shard, newest string, after DataKeyAcross, limit int) ([]DataKeyAcross, error)
	// RewrapAcross replaces WrappedBy, WrappedAt and Wrapped of keys, at most
	// engage.MaxBatch, whose stored Version is the one given, raises their version
	// and answers, aligned, which those were. It needs an InShard transaction.
	RewrapAcross(ctx context.Context, shard engage.Shard, keys []DataKeyAcross) ([]bool, error)
	// CountAcross answers how many data keys each key of the host wraps. It needs
	// no transaction.
	CountAcross(ctx context.Context, shard engage.Shard) (map[string]int, error)
}

// boundTo is what a wrapped data key is bound to, so that it unwraps nowhere
// else.
func boundTo(ws engage.WorkspaceID, id KeyID) []byte {
	return append(append([]byte("engage data key"), ws[:]...), id[:]...)
}

// newest answers the data key that seals, and makes the first one.
func (s *Service) newest(ctx context.Context, ws engage.WorkspaceID) (DataKey, error) {
	key, err := s.keys.Newest(ctx, ws)
	if errors.Is(err, engage.ErrNotFound) {
		return s.add(ctx, ws, 1)
	}
	return key, err
}

// add makes the data key of a number, or answers the newest one when somebody
// else has made that.
func (s *Service) add(ctx context.Context, ws engage.WorkspaceID, number int) (DataKey, error) {
	raw := make([]byte, KeyBytes)
	defer clear(raw)
	_, _ = rand.Read(raw) // never fails
	now := s.rt.Clock.Now()
	key := DataKey{ID: engage.NewID[keyKind](s.rt.IDs), Number: number, CreatedAt: now, WrappedAt: now, Version: 1}
	var err error
	if key.WrappedBy, err = s.provider.Newest(ctx); err != nil {
		return DataKey{}, err
	}
	if key.Wrapped, err = s.wrap(ctx, ws, key, raw); err != nil {
		return DataKey{}, err
	}
	stored := key
	err = s.rt.Tx.InTx(ctx, ws, func(ctx context.Context) error {
		added, err := s.keys.Add(ctx, ws, key)
		if err != nil {
			return err
		}
		if !added {
			stored, err = s.keys.Newest(ctx, ws)
			return err
		}
		stored = key
		return s.rt.Events.Publish(ctx, ws, KeyCreated{KeyID: key.ID, Number: number})
	})
	return stored, err
}

// wrap has the host's key that key names wrap a raw data key.
func (s *Service) wrap(ctx context.Context, ws engage.WorkspaceID, key DataKey, raw []byte) ([]byte, error) {
	const op = "sealing.Wrap"
	wrapped, err := s.provider.Wrap(ctx, key.WrappedBy, raw, boundTo(ws, key.ID))
	if err != nil {
		return nil, err
	}
	var faults engage.Faults
	if n := len(key.WrappedBy); n == 0 || n > engage.MaxKeyBytes {
		faults.Add("wrapped_by", "out_of_range", "the provider's key id has %d bytes, want 1 to %d", n, engage.MaxKeyBytes)
	}
	if n := len(wrapped); n == 0 || n > MaxWrappedBytes {
		faults.Add("wrapped", "out_of_range", "the provider answered %d bytes, want 1 to %d", n, MaxWrappedBytes)
	}
	return wrapped, faults.Err(op, "data key "+key.ID.String())
}

// unwrap has the host's key unwrap a data key. The caller clears it.
func (s *Service) unwrap(ctx context.Context, ws engage.WorkspaceID, key DataKey) ([]byte, error) {
	const op = "sealing.Unwrap"
	entity := "data key " + key.ID.String()
	raw, err := s.provider.Unwrap(ctx, key.WrappedBy, key.Wrapped, boundTo(ws, key.ID))
	switch {
	case errors.Is(err, engage.ErrNotFound):
		return nil, &engage.Error{
			Code: engage.FailedPrecondition, Op: op, Entity: entity,
			Err: fmt.Errorf("the host's key %q, which wraps it, is not among those given", key.WrappedBy),
		}
	case err != nil:
		return nil, err
	case len(raw) != KeyBytes:
		return nil, &engage.Error{Code: engage.Invalid, Op: op, Entity: entity, Err: errKeyLength}
	}
	return raw, nil
}
