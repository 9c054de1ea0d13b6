package stack

import (
	"context"

	"github.com/go-engage/engage/adapters/bunstore"
)

// Over composes the platform on pools of a test's own, which sees their
// statements and closes them.
func Over(ctx context.Context, cfg Config, open bunstore.Config) (*Platform, error) {
	var err error
	if cfg.Keys, err = keysInMemory(cfg.Keys); err != nil {
		return nil, err
	}
	return composeOn(ctx, cfg, open, func() error { return nil })
}
