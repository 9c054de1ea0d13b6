package stack

import "github.com/go-engage/engage/adapters/memory"

// Memory composes the suite on a store in memory, which ends with the process.
func Memory(cfg Config) (*Platform, error) {
	cfg = cfg.resolve()
	var err error
	if cfg.Keys, err = keysInMemory(cfg.Keys); err != nil {
		return nil, err
	}
	kept := memory.New(memory.Config{Clock: cfg.Clock, IDs: cfg.IDs, Log: cfg.Log})
	return composeMemory(cfg, kept, store{workers: kept.Workers()})
}
