package bunstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-engage/engage"
)

// ManyRows is more than a move compares at once.
const ManyRows = moveChunk + moveChunk/2

// Column is a column of a table as a database describes it.
type Column struct {
	Name, Kind string
	Key        bool // of the primary key, besides workspace_id
}

// Columns are those of all tables that move with a workspace.
func (s *Store) Columns(ctx context.Context, shard engage.Shard) (names []string, columns map[string][]Column, err error) {
	tables, err := s.workspaceTables(ctx, s.databases[shard])
	columns = map[string][]Column{}
	for _, t := range tables {
		names = append(names, t.name)
		for _, c := range t.columns {
			columns[t.name] = append(columns[t.name], Column{c.name, c.kind, slices.Contains(t.key, c.name)})
		}
	}
	return names, columns, err
}

// Dump is every row of a workspace on a database, by table and key.
func (s *Store) Dump(ctx context.Context, shard engage.Shard, ws engage.WorkspaceID) (string, error) {
	tables, err := s.workspaceTables(ctx, s.databases[shard])
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, t := range tables {
		rows, err := s.readRows(ctx, s.databases[shard].polls, t, t.name, ws, span{}, 0, false)
		if err != nil {
			return "", err
		}
		for _, r := range rows {
			fmt.Fprintf(&text, "%s %s\n", t.name, r.values)
		}
	}
	return text.String(), nil
}

// Remember has the store believe that a workspace is on a database.
func (s *Store) Remember(ws engage.WorkspaceID, shard engage.Shard) {
	s.placer.cache.put(ws, Home{Shard: shard, State: MoveNone, Version: 1}, s.clock.Now().Add(s.placer.CacheFor))
}
