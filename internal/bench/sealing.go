package main

import (
	"context"
	"errors"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/bunstore/bunsealing"
	"github.com/go-engage/engage/adapters/sealing"
)

// place is where the secrets of the benchmarks stand.
const place = "senders.password:1"

// sealer is a service over a database, with the workspace it seals for.
func sealer(ctx context.Context, store, dsn string) (s *sealing.Service, ws engage.WorkspaceID, end func() error, err error) {
	p, err := platform(ctx, store, dsn)
	if err != nil {
		return nil, ws, nil, err
	}
	if err := p.SQL.Migrate(ctx, bunsealing.Schema); err != nil {
		return nil, ws, nil, errors.Join(err, p.Close())
	}
	provider, err := sealing.NewStaticKeys(sealing.NewKey())
	if err != nil {
		return nil, ws, nil, errors.Join(err, p.Close())
	}
	keys := bunsealing.NewKeys(p.SQL)
	s, err = sealing.New(sealing.Deps{
		Runtime: engage.Runtime{Tx: p.Tx, Events: p.Publisher},
		Keys:    keys, Across: keys, Provider: provider, Leases: p.SQL.Leases(),
	}, sealing.Config{})
	if err != nil {
		return nil, ws, nil, errors.Join(err, p.Close())
	}
	return s, engage.WorkspaceID(engage.NewIDSource(engage.SystemClock{}, nil).NewID()), p.Close, nil
}

func startSeal(ctx context.Context, store, dsn string) (sides, error) {
	s, ws, end, err := sealer(ctx, store, dsn)
	if err != nil {
		return sides{}, err
	}
	plain64 := make([]byte, 64)
	if _, err := s.Seal(ctx, ws, place, plain64); err != nil { // makes the data key
		return sides{}, err
	}
	db, err := plain(store, dsn)
	if err != nil {
		return sides{}, err
	}
	aead, err := floorAEAD()
	if err != nil {
		return sides{}, err
	}
	return sides{
		floor: repeat(func(ctx context.Context) error {
			floorSeal(aead, plain64, []byte(place))
			return floorKey(ctx, db, store, ws)
		}),
		ours: repeat(func(ctx context.Context) error {
			_, err := s.Seal(ctx, ws, place, plain64)
			return err
		}),
		close: func() error { return errors.Join(db.Close(), end()) },
	}, nil
}

func startOpen(ctx context.Context, store, dsn string) (sides, error) {
	s, ws, end, err := sealer(ctx, store, dsn)
	if err != nil {
		return sides{}, err
	}
	ours, err := s.Seal(ctx, ws, place, make([]byte, 64))
	if err != nil {
		return sides{}, err
	}
	aead, err := floorAEAD()
	if err != nil {
		return sides{}, err
	}
	bare := floorSeal(aead, make([]byte, 64), []byte(place))
	return sides{
		floor: repeat(func(context.Context) error { return floorOpen(aead, bare, []byte(place)) }),
		ours: repeat(func(ctx context.Context) error {
			_, err := s.Open(ctx, ws, place, ours)
			return err
		}),
		close: end,
	}, nil
}

// repeat makes a side of one unit of work.
func repeat(unit func(ctx context.Context) error) func(ctx context.Context, n int) error {
	return func(ctx context.Context, n int) error {
		for range n {
			if err := unit(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}
