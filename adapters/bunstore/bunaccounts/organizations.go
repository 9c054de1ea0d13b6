package bunaccounts

import (
	"bytes"
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// Organizations implements accounts.OrganizationRepository.
type Organizations struct{ dir *Directory }

var _ accounts.OrganizationRepository = (*Organizations)(nil)

type organizationRow struct {
	bun.BaseModel `bun:"table:engage_accounts_organizations,alias:o"`

	ID        bunstore.UID    `bun:"id,pk"`
	Name      bunstore.Text   `bun:"name"`
	CreatedAt bunstore.Micros `bun:"created_at"`
	UpdatedAt bunstore.Micros `bun:"updated_at"`
	Version   int64           `bun:"version"`
}

func organizationRowOf(o accounts.Organization, version engage.Version) organizationRow {
	return organizationRow{
		ID: bunstore.UID(o.ID), Name: bunstore.Text(o.Name),
		CreatedAt: bunstore.Micros(o.CreatedAt), UpdatedAt: bunstore.Micros(o.UpdatedAt), Version: int64(version),
	}
}

func (r organizationRow) organization() accounts.Organization {
	return accounts.Organization{
		ID: accounts.OrganizationID(r.ID), Name: string(r.Name),
		CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: engage.Version(r.Version),
	}
}

// NewOrganizations makes the repository of a directory.
func NewOrganizations(dir *Directory) *Organizations { return &Organizations{dir} }

// Insert implements accounts.OrganizationRepository.
func (r *Organizations) Insert(ctx context.Context, o accounts.Organization) error {
	const op = "bunaccounts.Insert"
	db, err := r.dir.write(ctx, op, accounts.LogOf(o.ID), 1)
	if err != nil {
		return err
	}
	row := organizationRowOf(o, 1)
	return insertOne(ctx, op, o.ID.String(), db, &row)
}

// Update implements accounts.OrganizationRepository.
func (r *Organizations) Update(ctx context.Context, o accounts.Organization) error {
	const op = "bunaccounts.Update"
	db, err := r.dir.write(ctx, op, accounts.LogOf(o.ID), 1)
	if err != nil {
		return err
	}
	q := db.NewSelect().Model((*organizationRow)(nil)).Where("id = ?", bunstore.UID(o.ID))
	if err := requireCurrent(ctx, op, o.ID.String(), q, o.ID, o.Version); err != nil {
		return err
	}
	row := organizationRowOf(o, o.Version+1)
	_, err = db.NewUpdate().Model(&row).WherePK().Exec(ctx)
	return bunstore.MapError(ctx, op, o.ID.String(), err)
}

// Delete implements accounts.OrganizationRepository. The members go with their
// organization, by their foreign key.
func (r *Organizations) Delete(ctx context.Context, id accounts.OrganizationID) error {
	const op = "bunaccounts.Delete"
	db, err := r.dir.write(ctx, op, accounts.LogOf(id), 1)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*organizationRow)(nil)).Where("id = ?", bunstore.UID(id)).Exec(ctx)
	return requireOne(ctx, op, id.String(), engage.NotFound, result, err)
}

// Get implements accounts.OrganizationRepository.
func (r *Organizations) Get(ctx context.Context, id accounts.OrganizationID) (accounts.Organization, error) {
	const op = "bunaccounts.Get"
	db, err := r.dir.read(ctx, op, accounts.LogOf(id), 0)
	if err != nil {
		return accounts.Organization{}, err
	}
	var row organizationRow
	err = db.NewSelect().Model(&row).Where("id = ?", bunstore.UID(id)).Scan(ctx)
	return row.organization(), bunstore.MapError(ctx, op, id.String(), err)
}

// Lock implements accounts.OrganizationRepository.
func (r *Organizations) Lock(ctx context.Context, id accounts.OrganizationID) (accounts.Organization, error) {
	const op = "bunaccounts.Lock"
	db, err := r.dir.write(ctx, op, accounts.LogOf(id), 1)
	if err != nil {
		return accounts.Organization{}, err
	}
	var row organizationRow
	err = locking(db.NewSelect().Model(&row).Where("id = ?", bunstore.UID(id))).Scan(ctx)
	return row.organization(), bunstore.MapError(ctx, op, id.String(), err)
}

// Members implements accounts.MemberRepository.
type Members struct{ dir *Directory }

var _ accounts.MemberRepository = (*Members)(nil)

type memberRow struct {
	bun.BaseModel `bun:"table:engage_accounts_members,alias:m"`

	Organization bunstore.UID    `bun:"organization_id,pk"`
	UserID       bunstore.UID    `bun:"user_id,pk"`
	Role         bunstore.Key    `bun:"role"`
	JoinedAt     bunstore.Micros `bun:"joined_at"`
}

func (r memberRow) member() accounts.Member {
	return accounts.Member{UserID: engage.UserID(r.UserID), Role: accounts.Role(r.Role), JoinedAt: r.JoinedAt.Time()}
}

// NewMembers makes the repository of a directory.
func NewMembers(dir *Directory) *Members { return &Members{dir} }

// Put implements accounts.MemberRepository.
func (r *Members) Put(ctx context.Context, org accounts.OrganizationID, members []accounts.Member) error {
	const op = "bunaccounts.Put"
	db, err := r.dir.write(ctx, op, accounts.LogOf(org), len(members))
	if err != nil {
		return err
	}
	rows := each(members, func(m accounts.Member) memberRow {
		return memberRow{Organization: bunstore.UID(org), UserID: bunstore.UID(m.UserID), Role: bunstore.Key(m.Role), JoinedAt: bunstore.Micros(m.JoinedAt)}
	})
	slices.SortFunc(rows, func(a, b memberRow) int { return bytes.Compare(a.UserID[:], b.UserID[:]) })
	return upsert(ctx, op, db, rows, "organization_id, user_id", "role")
}

// Remove implements accounts.MemberRepository.
func (r *Members) Remove(ctx context.Context, org accounts.OrganizationID, user engage.UserID) ([]accounts.Access, error) {
	const op = "bunaccounts.Remove"
	entity := "member " + user.String()
	db, err := r.dir.write(ctx, op, accounts.LogOf(org), 1)
	if err != nil {
		return nil, err
	}
	result, err := db.NewDelete().Model((*memberRow)(nil)).
		Where("organization_id = ?", bunstore.UID(org)).Where("user_id = ?", bunstore.UID(user)).Exec(ctx)
	if err := requireOne(ctx, op, entity, engage.NotFound, result, err); err != nil {
		return nil, err
	}
	var rows []accessRow
	theirs := db.NewSelect().Model((*workspaceRow)(nil)).Column("id").Where("organization_id = ?", bunstore.UID(org))
	err = db.NewSelect().Model(&rows).Where("user_id = ?", bunstore.UID(user)).Where("workspace_id IN (?)", theirs).
		OrderExpr("workspace_id").Scan(ctx)
	if err != nil || len(rows) == 0 {
		return nil, bunstore.MapError(ctx, op, entity, err)
	}
	left := among("workspace_id", each(rows, func(row accessRow) bunstore.UID { return row.Workspace }))
	for _, model := range []any{(*teamMemberRow)(nil), (*accessRow)(nil)} {
		if _, err := db.NewDelete().Model(model).Where("?", left).Where("user_id = ?", bunstore.UID(user)).Exec(ctx); err != nil {
			return nil, bunstore.MapError(ctx, op, entity, err)
		}
	}
	return each(rows, accessRow.access), nil
}

// Get implements accounts.MemberRepository.
func (r *Members) Get(ctx context.Context, org accounts.OrganizationID, users []engage.UserID) ([]accounts.Member, error) {
	const op = "bunaccounts.Get"
	db, err := r.dir.read(ctx, op, accounts.LogOf(org), len(users))
	if err != nil || len(users) == 0 {
		return nil, err
	}
	var rows []memberRow
	err = db.NewSelect().Model(&rows).Where("organization_id = ?", bunstore.UID(org)).Where("?", among("user_id", users)).
		OrderExpr("user_id").Scan(ctx)
	return each(rows, memberRow.member), bunstore.MapError(ctx, op, "", err)
}

// Count implements accounts.MemberRepository.
func (r *Members) Count(ctx context.Context, org accounts.OrganizationID, role accounts.Role) (int, error) {
	const op = "bunaccounts.Count"
	db, err := r.dir.read(ctx, op, accounts.LogOf(org), 0)
	if err != nil {
		return 0, err
	}
	n, err := db.NewSelect().Model((*memberRow)(nil)).Where("organization_id = ?", bunstore.UID(org)).
		Where("role = ?", bunstore.Key(role)).Count(ctx)
	return int(n), bunstore.MapError(ctx, op, "", err)
}

// List implements accounts.MemberRepository.
func (r *Members) List(ctx context.Context, org accounts.OrganizationID, request engage.PageRequest) (engage.Page[accounts.Member], error) {
	const op = "bunaccounts.List"
	db, err := r.dir.read(ctx, op, accounts.LogOf(org), 0)
	if err != nil {
		return engage.Page[accounts.Member]{}, err
	}
	var rows []memberRow
	q := db.NewSelect().Model(&rows).Where("organization_id = ?", bunstore.UID(org))
	return listed(ctx, op, "accounts_members|"+org.String(), q, &rows, request, "user_id", idValue,
		func(row memberRow) []byte { return row.UserID[:] }, plain(memberRow.member))
}
