package bunaccounts

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// Teams implements accounts.TeamRepository.
type Teams struct{ dir *Directory }

var _ accounts.TeamRepository = (*Teams)(nil)

type teamRow struct {
	bun.BaseModel `bun:"table:engage_accounts_teams,alias:t"`

	Workspace bunstore.UID    `bun:"workspace_id,pk"`
	ID        bunstore.UID    `bun:"id,pk"`
	Name      bunstore.Text   `bun:"name"`
	Key       bunstore.Key    `bun:"name_key"`
	CreatedAt bunstore.Micros `bun:"created_at"`
	UpdatedAt bunstore.Micros `bun:"updated_at"`
	Version   int64           `bun:"version"`
}

type teamMemberRow struct {
	bun.BaseModel `bun:"table:engage_accounts_team_members,alias:m"`

	Workspace bunstore.UID `bun:"workspace_id,pk"`
	TeamID    bunstore.UID `bun:"team_id,pk"`
	UserID    bunstore.UID `bun:"user_id,pk"`
}

func teamRowOf(ws engage.WorkspaceID, t accounts.Team, version engage.Version) teamRow {
	return teamRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(t.ID), Name: bunstore.Text(t.Name), Key: bunstore.Key(t.Key),
		CreatedAt: bunstore.Micros(t.CreatedAt), UpdatedAt: bunstore.Micros(t.UpdatedAt), Version: int64(version),
	}
}

func (r teamRow) team() accounts.Team {
	return accounts.Team{
		ID: engage.TeamID(r.ID), TeamProfile: accounts.TeamProfile{Name: string(r.Name)}, Key: string(r.Key),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: engage.Version(r.Version),
	}
}

// NewTeams makes the repository of a directory.
func NewTeams(dir *Directory) *Teams { return &Teams{dir} }

// Insert implements accounts.TeamRepository.
func (r *Teams) Insert(ctx context.Context, ws engage.WorkspaceID, team accounts.Team) error {
	const op = "bunaccounts.Insert"
	db, err := r.dir.write(ctx, op, ws, len(team.Members))
	if err != nil {
		return err
	}
	row := teamRowOf(ws, team, 1)
	if err := insertOne(ctx, op, team.ID.String(), db, &row); err != nil {
		return err
	}
	return insertMembers(ctx, op, db, ws, team)
}

func insertMembers(ctx context.Context, op string, db bun.IDB, ws engage.WorkspaceID, team accounts.Team) error {
	if len(team.Members) == 0 {
		return nil
	}
	rows := each(team.Members, func(id engage.UserID) teamMemberRow {
		return teamMemberRow{Workspace: bunstore.UID(ws), TeamID: bunstore.UID(team.ID), UserID: bunstore.UID(id)}
	})
	_, err := db.NewInsert().Model(&rows).Returning("NULL").Exec(ctx)
	return bunstore.MapError(ctx, op, team.ID.String(), err)
}

// Update implements accounts.TeamRepository.
func (r *Teams) Update(ctx context.Context, ws engage.WorkspaceID, team accounts.Team) error {
	const op = "bunaccounts.Update"
	db, err := r.dir.write(ctx, op, ws, len(team.Members))
	if err != nil {
		return err
	}
	row := teamRowOf(ws, team, team.Version+1)
	q := db.NewSelect().Model((*teamRow)(nil)).Where("workspace_id = ?", row.Workspace).Where("id = ? OR name_key = ?", row.ID, row.Key)
	if err := requireCurrent(ctx, op, team.ID.String(), q, team.ID, team.Version); err != nil {
		return err
	}
	if _, err := db.NewUpdate().Model(&row).WherePK().Exec(ctx); err != nil {
		return bunstore.MapError(ctx, op, team.ID.String(), err)
	}
	_, err = db.NewDelete().Model((*teamMemberRow)(nil)).Where("workspace_id = ?", row.Workspace).Where("team_id = ?", row.ID).Exec(ctx)
	if err != nil {
		return bunstore.MapError(ctx, op, team.ID.String(), err)
	}
	return insertMembers(ctx, op, db, ws, team)
}

// Delete implements accounts.TeamRepository. The memberships go with their team,
// by their foreign key.
func (r *Teams) Delete(ctx context.Context, ws engage.WorkspaceID, id engage.TeamID) error {
	const op = "bunaccounts.Delete"
	db, err := r.dir.write(ctx, op, ws, 1)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*teamRow)(nil)).Where("workspace_id = ?", bunstore.UID(ws)).Where("id = ?", bunstore.UID(id)).Exec(ctx)
	return requireOne(ctx, op, id.String(), engage.NotFound, result, err)
}

// Get implements accounts.TeamRepository.
func (r *Teams) Get(ctx context.Context, ws engage.WorkspaceID, ids []engage.TeamID) ([]accounts.Team, error) {
	const op = "bunaccounts.Get"
	db, err := r.dir.read(ctx, op, ws, len(ids))
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var rows []teamRow
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("?", among("id", ids)).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return withMembers(ctx, op, db, ws, each(rows, teamRow.team))
}

// Of implements accounts.TeamRepository.
func (r *Teams) Of(ctx context.Context, ws engage.WorkspaceID, user engage.UserID) ([]accounts.Team, error) {
	const op = "bunaccounts.Of"
	db, err := r.dir.read(ctx, op, ws, 0)
	if err != nil {
		return nil, err
	}
	var rows []teamRow
	theirs := db.NewSelect().Model((*teamMemberRow)(nil)).Column("team_id").
		Where("workspace_id = ?", bunstore.UID(ws)).Where("user_id = ?", bunstore.UID(user))
	err = db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).Where("id IN (?)", theirs).OrderExpr("id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return withMembers(ctx, op, db, ws, each(rows, teamRow.team))
}

// withMembers reads who is in teams.
func withMembers(ctx context.Context, op string, db bun.IDB, ws engage.WorkspaceID, teams []accounts.Team) ([]accounts.Team, error) {
	if len(teams) == 0 {
		return nil, nil
	}
	var rows []teamMemberRow
	err := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws)).
		Where("?", among("team_id", each(teams, func(t accounts.Team) engage.TeamID { return t.ID }))).OrderExpr("team_id, user_id").Scan(ctx)
	if err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	members := map[bunstore.UID][]engage.UserID{}
	for _, row := range rows {
		members[row.TeamID] = append(members[row.TeamID], engage.UserID(row.UserID))
	}
	for i := range teams {
		teams[i].Members = members[bunstore.UID(teams[i].ID)]
	}
	return teams, nil
}

// List implements accounts.TeamRepository.
func (r *Teams) List(ctx context.Context, ws engage.WorkspaceID, request engage.PageRequest) (engage.Page[accounts.Team], error) {
	const op = "bunaccounts.List"
	db, err := r.dir.read(ctx, op, ws, 0)
	if err != nil {
		return engage.Page[accounts.Team]{}, err
	}
	var rows []teamRow
	q := db.NewSelect().Model(&rows).Where("workspace_id = ?", bunstore.UID(ws))
	page, err := listed(ctx, op, "accounts_teams|"+ws.String(), q, &rows, request, "name_key", keyValue,
		func(row teamRow) []byte { return []byte(row.Key) }, plain(teamRow.team))
	if err != nil {
		return page, err
	}
	page.Items, err = withMembers(ctx, op, db, ws, page.Items)
	return page, err
}
