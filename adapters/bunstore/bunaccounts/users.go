package bunaccounts

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

// Users implements accounts.UserRepository.
type Users struct{ dir *Directory }

var _ accounts.UserRepository = (*Users)(nil)

type userRow struct {
	bun.BaseModel `bun:"table:engage_accounts_users,alias:u"`

	ID            bunstore.UID    `bun:"id,pk"`
	Email         bunstore.Text   `bun:"email"`
	EmailKey      bunstore.Key    `bun:"email_key"`
	Name          bunstore.Text   `bun:"name"`
	Locale        bunstore.Key    `bun:"locale"`
	TimeZone      bunstore.Key    `bun:"time_zone"`
	Notifications bunstore.JSON   `bun:"notifications"`
	Epoch         int64           `bun:"epoch"`
	SuspendedAt   bunstore.Micros `bun:"suspended_at"`
	CreatedAt     bunstore.Micros `bun:"created_at"`
	UpdatedAt     bunstore.Micros `bun:"updated_at"`
	Version       int64           `bun:"version"`
}

func userRowOf(u accounts.User, version engage.Version) (userRow, error) {
	notifications, err := bunstore.JSONOf(u.Notifications)
	return userRow{
		ID: bunstore.UID(u.ID), Email: bunstore.Text(u.Email), EmailKey: bunstore.Key(u.EmailKey), Name: bunstore.Text(u.Name),
		Locale: bunstore.Key(u.Locale), TimeZone: bunstore.Key(u.TimeZone), Notifications: notifications,
		Epoch: u.Epoch, SuspendedAt: bunstore.Micros(u.SuspendedAt),
		CreatedAt: bunstore.Micros(u.CreatedAt), UpdatedAt: bunstore.Micros(u.UpdatedAt), Version: int64(version),
	}, err
}

func (r userRow) user() (accounts.User, error) {
	u := accounts.User{
		ID: engage.UserID(r.ID), EmailKey: string(r.EmailKey), Epoch: r.Epoch, SuspendedAt: r.SuspendedAt.Time(),
		UserProfile: accounts.UserProfile{Email: string(r.Email), Name: string(r.Name), Locale: string(r.Locale), TimeZone: string(r.TimeZone)},
		CreatedAt:   r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(), Version: engage.Version(r.Version),
	}
	return u, r.Notifications.Decode(&u.Notifications)
}

// NewUsers makes the repository of a directory.
func NewUsers(dir *Directory) *Users { return &Users{dir} }

// Insert implements accounts.UserRepository.
func (r *Users) Insert(ctx context.Context, user accounts.User) error {
	const op = "bunaccounts.Insert"
	db, err := r.dir.store.WriteShard(ctx, r.dir.shard)
	if err != nil {
		return err
	}
	row, err := userRowOf(user, 1)
	if err != nil {
		return err
	}
	return insertOne(ctx, op, user.ID.String(), db, &row)
}

// Update implements accounts.UserRepository.
func (r *Users) Update(ctx context.Context, user accounts.User) error {
	const op = "bunaccounts.Update"
	db, err := r.dir.store.WriteShard(ctx, r.dir.shard)
	if err != nil {
		return err
	}
	row, err := userRowOf(user, user.Version+1)
	if err != nil {
		return err
	}
	q := db.NewSelect().Model((*userRow)(nil)).Where("id = ? OR email_key = ?", row.ID, row.EmailKey)
	if err := requireCurrent(ctx, op, user.ID.String(), q, user.ID, user.Version); err != nil {
		return err
	}
	_, err = db.NewUpdate().Model(&row).WherePK().Exec(ctx)
	return bunstore.MapError(ctx, op, user.ID.String(), err)
}

// Delete implements accounts.UserRepository.
func (r *Users) Delete(ctx context.Context, id engage.UserID) error {
	const op = "bunaccounts.Delete"
	db, err := r.dir.store.WriteShard(ctx, r.dir.shard)
	if err != nil {
		return err
	}
	result, err := db.NewDelete().Model((*userRow)(nil)).Where("id = ?", bunstore.UID(id)).Exec(ctx)
	return requireOne(ctx, op, id.String(), engage.NotFound, result, err)
}

// Get implements accounts.UserRepository.
func (r *Users) Get(ctx context.Context, ids []engage.UserID) ([]accounts.User, error) {
	db, err := r.dir.store.ReadShard(ctx, r.dir.shard)
	if err != nil {
		return nil, err
	}
	return usersAmong(ctx, "bunaccounts.Get", db, ids, func(q *bun.SelectQuery) *bun.SelectQuery { return q })
}

// Lock implements accounts.UserRepository.
func (r *Users) Lock(ctx context.Context, ids []engage.UserID) ([]accounts.User, error) {
	db, err := r.dir.store.WriteShard(ctx, r.dir.shard)
	if err != nil {
		return nil, err
	}
	return usersAmong(ctx, "bunaccounts.Lock", db, ids, locking)
}

func usersAmong(ctx context.Context, op string, db bun.IDB, ids []engage.UserID, with func(*bun.SelectQuery) *bun.SelectQuery) ([]accounts.User, error) {
	if len(ids) > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("ids", "too_many", "%d, at most %d a call", len(ids), engage.MaxBatch)
		return nil, faults.Err(op, "")
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []userRow
	if err := with(db.NewSelect().Model(&rows).Where("?", among("id", ids)).OrderExpr("id")).Scan(ctx); err != nil {
		return nil, bunstore.MapError(ctx, op, "", err)
	}
	return eachOf(rows, userRow.user)
}

// Find implements accounts.UserRepository.
func (r *Users) Find(ctx context.Context, emailKey string) (accounts.User, error) {
	db, err := r.dir.store.ReadShard(ctx, r.dir.shard)
	if err != nil {
		return accounts.User{}, err
	}
	var row userRow
	if err := db.NewSelect().Model(&row).Where("email_key = ?", bunstore.Key(emailKey)).Scan(ctx); err != nil {
		return accounts.User{}, bunstore.MapError(ctx, "bunaccounts.Find", "user by address", err)
	}
	return row.user()
}

// Organizations implements accounts.UserRepository.
func (r *Users) Organizations(ctx context.Context, user engage.UserID) ([]accounts.Belonging, error) {
	db, err := r.dir.store.ReadShard(ctx, r.dir.shard)
	if err != nil {
		return nil, err
	}
	var rows []memberRow
	err = db.NewSelect().Model(&rows).Where("user_id = ?", bunstore.UID(user)).OrderExpr("organization_id").Scan(ctx)
	return each(rows, func(row memberRow) accounts.Belonging {
		return accounts.Belonging{OrganizationID: accounts.OrganizationID(row.Organization), Member: row.member()}
	}), bunstore.MapError(ctx, "bunaccounts.Organizations", "", err)
}

// Workspaces implements accounts.UserRepository.
func (r *Users) Workspaces(ctx context.Context, user engage.UserID) ([]accounts.Access, error) {
	db, err := r.dir.store.ReadShard(ctx, r.dir.shard)
	if err != nil {
		return nil, err
	}
	var rows []accessRow
	err = db.NewSelect().Model(&rows).Where("user_id = ?", bunstore.UID(user)).OrderExpr("workspace_id").Scan(ctx)
	return each(rows, accessRow.access), bunstore.MapError(ctx, "bunaccounts.Workspaces", "", err)
}
