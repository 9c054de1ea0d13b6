package stack

import (
	"context"

	"github.com/go-engage/engage/adapters/bunstore"
)

// Over composes the platform on pools of a test's own, which sees their
// statements and closes them.
func Over(ctx context.Context, cfg Config, open bunstore.Config) (*Platform, error) {
	return composeOn(ctx, cfg, open, func() error { return nil })
}
