package bunapikeys

import (
	"github.com/go-engage/engage"
	"github.com/go-engage/engage/adapters/accounts/apikeys"
	"github.com/go-engage/engage/adapters/bunstore"
	"github.com/uptrace/bun"
)

type keyRow struct {
	bun.BaseModel `bun:"table:engage_accounts_keys,alias:k"`

	Workspace     bunstore.UID    `bun:"workspace_id,pk"`
	ID            bunstore.UID    `bun:"id,pk"`
	Name          bunstore.Text   `bun:"name"`
	Kind          bunstore.Text   `bun:"kind"`
	Permissions   bunstore.JSON   `bun:"permissions"`
	Origins       bunstore.JSON   `bun:"origins"`
	Digest        []byte          `bun:"digest"`
	Former        []byte          `bun:"former_digest"`
	ExpiresAt     bunstore.Micros `bun:"expires_at"`
	RotatedAt     bunstore.Micros `bun:"rotated_at"`
	FormerUntil   bunstore.Micros `bun:"former_until"`
	RevokedAt     bunstore.Micros `bun:"revoked_at"`
	LastUsedAt    bunstore.Micros `bun:"last_used_at"`
	CreatedAt     bunstore.Micros `bun:"created_at"`
	UpdatedAt     bunstore.Micros `bun:"updated_at"`
	CreatedByType bunstore.Text   `bun:"created_by_type"`
	CreatedByID   bunstore.Text   `bun:"created_by_id"`
	UpdatedByType bunstore.Text   `bun:"updated_by_type"`
	UpdatedByID   bunstore.Text   `bun:"updated_by_id"`
	Version       int64           `bun:"version"`
}

func rowOf(ws engage.WorkspaceID, r apikeys.Record) (keyRow, error) {
	permissions, err := listOf(r.Permissions)
	if err != nil {
		return keyRow{}, err
	}
	origins, err := listOf(r.Origins)
	if err != nil {
		return keyRow{}, err
	}
	return keyRow{
		Workspace: bunstore.UID(ws), ID: bunstore.UID(r.ID), Name: bunstore.Text(r.Name), Kind: bunstore.Text(r.Kind),
		Permissions: permissions, Origins: origins, Digest: r.Digest[:], Former: r.Former[:],
		ExpiresAt: bunstore.Micros(r.ExpiresAt), RotatedAt: bunstore.Micros(r.RotatedAt), FormerUntil: bunstore.Micros(r.FormerUntil),
		RevokedAt: bunstore.Micros(r.RevokedAt), LastUsedAt: bunstore.Micros(r.LastUsedAt),
		CreatedAt: bunstore.Micros(r.CreatedAt), UpdatedAt: bunstore.Micros(r.UpdatedAt),
		CreatedByType: bunstore.Text(r.CreatedBy.Type), CreatedByID: bunstore.Text(r.CreatedBy.ID),
		UpdatedByType: bunstore.Text(r.UpdatedBy.Type), UpdatedByID: bunstore.Text(r.UpdatedBy.ID), Version: int64(r.Version),
	}, nil
}

// listOf is a list as JSON; none is NULL.
func listOf(words []string) (bunstore.JSON, error) {
	if len(words) == 0 {
		return nil, nil
	}
	return bunstore.JSONOf(words)
}

func (r keyRow) key() (apikeys.Key, error) {
	key := apikeys.Key{
		ID: apikeys.ID(r.ID), Name: string(r.Name), Kind: apikeys.Kind(r.Kind),
		ExpiresAt: r.ExpiresAt.Time(), RotatedAt: r.RotatedAt.Time(), FormerUntil: r.FormerUntil.Time(),
		RevokedAt: r.RevokedAt.Time(), LastUsedAt: r.LastUsedAt.Time(), CreatedAt: r.CreatedAt.Time(), UpdatedAt: r.UpdatedAt.Time(),
		CreatedBy: engage.Actor{Type: string(r.CreatedByType), ID: string(r.CreatedByID)},
		UpdatedBy: engage.Actor{Type: string(r.UpdatedByType), ID: string(r.UpdatedByID)}, Version: engage.Version(r.Version),
	}
	err := r.Permissions.Decode(&key.Permissions)
	if err == nil {
		err = r.Origins.Decode(&key.Origins)
	}
	return key, err
}

func (r keyRow) record() (apikeys.Record, error) {
	key, err := r.key()
	record := apikeys.Record{Key: key}
	copy(record.Digest[:], r.Digest)
	copy(record.Former[:], r.Former)
	return record, err
}
