package memaccounts

import (
	"context"
	"strings"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
)

// Users implements accounts.UserRepository. The only shard is
// engage.DefaultShard.
type Users struct {
	rows    *memory.Table[accounts.User]
	members *memory.Table[memberRow]
	access  *memory.Table[accounts.Access]
}

var _ accounts.UserRepository = (*Users)(nil)

// NewUsers makes the repository of a store.
func NewUsers(store *memory.Store) *Users {
	return &Users{members: memberTable(store), access: accessTable(store), rows: memory.NewTable(store, "accounts_users",
		memory.Index[accounts.User]{Name: "id", Less: func(a, b *accounts.User) bool { return a.ID.Compare(b.ID) < 0 }},
		memory.Index[accounts.User]{Name: "email", Less: func(a, b *accounts.User) bool { return strings.Compare(a.EmailKey, b.EmailKey) < 0 }})}
}

func (r *Users) write(ctx context.Context) (memory.Writer[accounts.User], error) {
	return r.rows.WriteShard(ctx, engage.DefaultShard)
}

// Insert implements accounts.UserRepository.
func (r *Users) Insert(ctx context.Context, user accounts.User) error {
	rows, err := r.write(ctx)
	if err != nil {
		return err
	}
	_, sameID := rows.Get("id", &user)
	_, sameKey := rows.Get("email", &user)
	if sameID || sameKey {
		return fault(engage.AlreadyExists, "Insert", "user "+user.ID.String())
	}
	user = user.Clone()
	user.Version = 1
	rows.Set(&user)
	return nil
}

// Update implements accounts.UserRepository.
func (r *Users) Update(ctx context.Context, user accounts.User) error {
	rows, err := r.write(ctx)
	if err != nil {
		return err
	}
	stored, ok := rows.Get("id", &user)
	switch {
	case !ok:
		return fault(engage.NotFound, "Update", "user "+user.ID.String())
	case stored.Version != user.Version:
		return fault(engage.Conflict, "Update", "user "+user.ID.String())
	}
	if holder, taken := rows.Get("email", &user); taken && holder.ID != user.ID {
		return fault(engage.AlreadyExists, "Update", "user "+user.ID.String())
	}
	user = user.Clone()
	user.Version++
	rows.Set(&user)
	return nil
}

// Delete implements accounts.UserRepository.
func (r *Users) Delete(ctx context.Context, id engage.UserID) error {
	rows, err := r.write(ctx)
	if err != nil {
		return err
	}
	if _, ok := rows.Delete(&accounts.User{ID: id}); !ok {
		return fault(engage.NotFound, "Delete", "user "+id.String())
	}
	return nil
}

// Get implements accounts.UserRepository.
func (r *Users) Get(ctx context.Context, ids []engage.UserID) ([]accounts.User, error) {
	return usersAmong(r.rows.Read(ctx), ids)
}

// Lock implements accounts.UserRepository: a writer is alone, so reading locks.
func (r *Users) Lock(ctx context.Context, ids []engage.UserID) ([]accounts.User, error) {
	rows, err := r.write(ctx)
	if err != nil {
		return nil, err
	}
	return usersAmong(rows.View, ids)
}

func usersAmong(rows memory.View[accounts.User], ids []engage.UserID) ([]accounts.User, error) {
	if len(ids) > engage.MaxBatch {
		var faults engage.Faults
		faults.Add("ids", "too_many", "%d, at most %d a call", len(ids), engage.MaxBatch)
		return nil, faults.Err("memaccounts.Get", "")
	}
	var found []accounts.User
	for _, id := range memory.SortedIDs(ids) {
		if row, ok := rows.Get("id", &accounts.User{ID: id}); ok {
			found = append(found, row.Clone())
		}
	}
	return found, nil
}

// Find implements accounts.UserRepository.
func (r *Users) Find(ctx context.Context, emailKey string) (accounts.User, error) {
	row, ok := r.rows.Read(ctx).Get("email", &accounts.User{EmailKey: emailKey})
	if !ok {
		return accounts.User{}, fault(engage.NotFound, "Find", "user by address")
	}
	return row.Clone(), nil
}

// Organizations implements accounts.UserRepository.
func (r *Users) Organizations(ctx context.Context, user engage.UserID) ([]accounts.Belonging, error) {
	var all []accounts.Belonging
	pivot := &memberRow{Member: accounts.Member{UserID: user}}
	for row := range while(r.members.Read(ctx), "user", pivot, func(row *memberRow) bool { return row.UserID == user }) {
		all = append(all, accounts.Belonging{OrganizationID: row.org, Member: row.Member})
	}
	return all, nil
}

// Workspaces implements accounts.UserRepository.
func (r *Users) Workspaces(ctx context.Context, user engage.UserID) ([]accounts.Access, error) {
	var all []accounts.Access
	for row := range while(r.access.Read(ctx), "user", &accounts.Access{UserID: user}, func(row *accounts.Access) bool { return row.UserID == user }) {
		all = append(all, *row)
	}
	return all, nil
}
