package memaccounts

import (
	"context"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts"
	"github.com/go-engage/engage/adapters/memory"
)

// Organizations implements accounts.OrganizationRepository.
type Organizations struct {
	rows    *memory.Table[accounts.Organization]
	members *memory.Table[memberRow]
}

var _ accounts.OrganizationRepository = (*Organizations)(nil)

// NewOrganizations makes the repository of a store.
func NewOrganizations(store *memory.Store) *Organizations {
	return &Organizations{rows: organizationTable(store), members: memberTable(store)}
}

// Insert implements accounts.OrganizationRepository.
func (r *Organizations) Insert(ctx context.Context, o accounts.Organization) error {
	rows, err := write(ctx, r.rows, "Insert", accounts.LogOf(o.ID), 1)
	if err != nil {
		return err
	}
	if _, taken := rows.Get("id", &o); taken {
		return fault(engage.AlreadyExists, "Insert", o.ID.String())
	}
	o.Version = 1
	rows.Set(&o)
	return nil
}

// Update implements accounts.OrganizationRepository.
func (r *Organizations) Update(ctx context.Context, o accounts.Organization) error {
	rows, err := write(ctx, r.rows, "Update", accounts.LogOf(o.ID), 1)
	if err != nil {
		return err
	}
	stored, ok := rows.Get("id", &o)
	switch {
	case !ok:
		return fault(engage.NotFound, "Update", o.ID.String())
	case stored.Version != o.Version:
		return fault(engage.Conflict, "Update", o.ID.String())
	}
	o.Version++
	rows.Set(&o)
	return nil
}

// Delete implements accounts.OrganizationRepository.
func (r *Organizations) Delete(ctx context.Context, id accounts.OrganizationID) error {
	rows, err := write(ctx, r.rows, "Delete", accounts.LogOf(id), 1)
	if err != nil {
		return err
	}
	members, err := r.members.Write(ctx, accounts.LogOf(id))
	if err != nil {
		return err
	}
	if _, ok := rows.Delete(&accounts.Organization{ID: id}); !ok {
		return fault(engage.NotFound, "Delete", id.String())
	}
	for row := range membersOf(members.View, id, engage.UserID{}) {
		members.Delete(row)
	}
	return nil
}

// Get implements accounts.OrganizationRepository.
func (r *Organizations) Get(ctx context.Context, id accounts.OrganizationID) (accounts.Organization, error) {
	if err := engage.CheckCall("memaccounts.Get", accounts.LogOf(id), 0); err != nil {
		return accounts.Organization{}, err
	}
	return organization(r.rows.Read(ctx), id)
}

// Lock implements accounts.OrganizationRepository: a writer is alone, so reading
// locks.
func (r *Organizations) Lock(ctx context.Context, id accounts.OrganizationID) (accounts.Organization, error) {
	rows, err := write(ctx, r.rows, "Lock", accounts.LogOf(id), 1)
	if err != nil {
		return accounts.Organization{}, err
	}
	return organization(rows.View, id)
}

func organization(rows memory.View[accounts.Organization], id accounts.OrganizationID) (accounts.Organization, error) {
	row, ok := rows.Get("id", &accounts.Organization{ID: id})
	if !ok {
		return accounts.Organization{}, fault(engage.NotFound, "Get", id.String())
	}
	return *row, nil
}
