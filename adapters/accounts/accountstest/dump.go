package accountstest

import (
	"context"
	"errors"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/internal/porttest"
)

// Dump is everything that the ports answer of a workspace, and of the
// organization that has the same bytes, as JSON lines. Two adapters that were
// told the same have equal dumps.
func Dump(ctx context.Context, t *testing.T, a Adapter, ws engage.WorkspaceID) string {
	t.Helper()
	out := porttest.NewDump(t)
	organization, err := a.Organizations.Get(ctx, org(ws))
	out.Add("organization", organization, unlessMissing(err))
	for member, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Member], error) {
		return a.Members.List(ctx, org(ws), page)
	}) {
		out.Add("member", member, err)
	}
	for workspace, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Workspace], error) {
		return a.Workspaces.List(ctx, org(ws), page)
	}) {
		out.Add("workspace of the organization", workspace, err)
	}
	workspace, err := a.Workspaces.Get(ctx, ws)
	out.Add("workspace", workspace, unlessMissing(err))
	settings, err := a.Settings.All(ctx, ws)
	out.Add("settings", settings, err)
	for access, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Access], error) {
		return a.Access.List(ctx, ws, page)
	}) {
		out.Add("access", access, err)
	}
	for team, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Team], error) {
		return a.Teams.List(ctx, ws, page)
	}) {
		out.Add("team", team, err)
	}
	for level, err := range engage.Walk(ctx, func(ctx context.Context, page engage.PageRequest) (engage.Page[accounts.Level], error) {
		return a.Levels.List(ctx, ws, page)
	}) {
		out.Add("level", level, err)
	}
	return out.String()
}

func unlessMissing(err error) error {
	if errors.Is(err, engage.ErrNotFound) {
		return nil
	}
	return err
}
