package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/uptrace/bun"

	"github.com/go-engage/engage"
)

// people answers what the suite asks about users, workspaces, permissions and
// keys from the shop's own tables. Nothing of it is the suite's.
type people struct{ db *bun.DB }

var (
	_ engage.Directory      = people{}
	_ engage.Authorizer     = people{}
	_ engage.SettingsReader = people{}
	_ engage.KeyVerifier    = people{}
)

const schema = `
CREATE TABLE shops (id INTEGER PRIMARY KEY, name TEXT NOT NULL, language TEXT NOT NULL, zone TEXT NOT NULL, currency TEXT NOT NULL, theme TEXT NOT NULL);
CREATE TABLE employees (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL, job TEXT NOT NULL, left_at INTEGER);
CREATE TABLE crews (id INTEGER PRIMARY KEY, shop_id INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE shifts (crew_id INTEGER NOT NULL, employee_id INTEGER NOT NULL, PRIMARY KEY (crew_id, employee_id));
CREATE TABLE jobs (job TEXT NOT NULL, permission TEXT NOT NULL, PRIMARY KEY (job, permission));
CREATE TABLE tokens (digest BLOB PRIMARY KEY, id INTEGER NOT NULL, shop_id INTEGER NOT NULL, revoked INTEGER NOT NULL);
CREATE TABLE token_rights (token_id INTEGER NOT NULL, permission TEXT NOT NULL, PRIMARY KEY (token_id, permission))`

type shop struct {
	bun.BaseModel `bun:"table:shops,alias:s"`

	ID       int64  `bun:"id,pk"`
	Name     string `bun:"name"`
	Language string `bun:"language"`
	Zone     string `bun:"zone"`
	Currency string `bun:"currency"`
	Theme    string `bun:"theme"`
}

type employee struct {
	bun.BaseModel `bun:"table:employees,alias:e"`

	ID     int64         `bun:"id,pk"`
	ShopID int64         `bun:"shop_id"`
	Email  string        `bun:"email"`
	Name   string        `bun:"name"`
	Job    string        `bun:"job"`
	LeftAt sql.NullInt64 `bun:"left_at"`
}

type crew struct {
	bun.BaseModel `bun:"table:crews,alias:c"`

	ID     int64  `bun:"id,pk"`
	ShopID int64  `bun:"shop_id"`
	Name   string `bun:"name"`
}

type shift struct {
	bun.BaseModel `bun:"table:shifts,alias:h"`

	CrewID     int64 `bun:"crew_id,pk"`
	EmployeeID int64 `bun:"employee_id,pk"`
}

type token struct {
	bun.BaseModel `bun:"table:tokens,alias:t"`

	Digest  []byte `bun:"digest,pk"`
	ID      int64  `bun:"id"`
	ShopID  int64  `bun:"shop_id"`
	Revoked bool   `bun:"revoked"`
}

type right struct {
	bun.BaseModel `bun:"table:token_rights,alias:r"`

	TokenID    int64  `bun:"token_id,pk"`
	Permission string `bun:"permission,pk"`
}

// idOf makes an id of the suite, of the kind of its first argument, from a
// number of the shop's. The numbers need no further column: the first byte keeps
// an id from being zero, and tells it from ids that the suite makes.
func idOf[K engage.Kind](kind engage.ID[K], n int64) engage.ID[K] {
	kind[0] = 1
	binary.BigEndian.PutUint64(kind[8:], uint64(n))
	return kind
}

// numberOf reads it back; 0, which no row has, for an id that is none of these.
func numberOf[K engage.Kind](id engage.ID[K]) int64 {
	n := int64(binary.BigEndian.Uint64(id[8:]))
	if id != idOf(engage.ID[K]{}, n) {
		return 0
	}
	return n
}

func numbersOf[K engage.Kind](ids []engage.ID[K]) []int64 {
	numbers := make([]int64, len(ids))
	for i, id := range ids {
		numbers[i] = numberOf(id)
	}
	return numbers
}

func workspaceOf(shopID int64) engage.WorkspaceID { return idOf(engage.WorkspaceID{}, shopID) }

func userOf(employeeID int64) engage.UserID { return idOf(engage.UserID{}, employeeID) }

func teamOf(crewID int64) engage.TeamID { return idOf(engage.TeamID{}, crewID) }

// Users implements engage.Directory.
func (p people) Users(ctx context.Context, ws engage.WorkspaceID, ids []engage.UserID) ([]engage.User, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var found []employee
	err := p.db.NewSelect().Model(&found).Where("shop_id = ?", numberOf(ws)).Where("id IN (?)", bun.List(numbersOf(ids))).OrderExpr("id").Scan(ctx)
	users := make([]engage.User, len(found))
	for i, e := range found {
		users[i] = engage.User{ID: userOf(e.ID), Name: e.Name, Email: e.Email}
	}
	return users, err
}

// Teams implements engage.Directory.
func (p people) Teams(ctx context.Context, ws engage.WorkspaceID, ids []engage.TeamID) ([]engage.Team, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var crews []crew
	if err := p.db.NewSelect().Model(&crews).Where("shop_id = ?", numberOf(ws)).Where("id IN (?)", bun.List(numbersOf(ids))).OrderExpr("id").Scan(ctx); err != nil || len(crews) == 0 {
		return nil, err
	}
	numbers := make([]int64, len(crews))
	for i, c := range crews {
		numbers[i] = c.ID
	}
	var shifts []shift
	if err := p.db.NewSelect().Model(&shifts).Where("crew_id IN (?)", bun.List(numbers)).OrderExpr("crew_id, employee_id").Scan(ctx); err != nil {
		return nil, err
	}
	teams := make([]engage.Team, len(crews))
	for i, c := range crews {
		teams[i] = engage.Team{ID: teamOf(c.ID), Name: c.Name}
		for _, s := range shifts {
			if s.CrewID == c.ID {
				teams[i].Members = append(teams[i].Members, userOf(s.EmployeeID))
			}
		}
	}
	return teams, nil
}

// Authorize implements engage.Authorizer: an employee may do what the job says,
// a key what was given to it. The shop knows no owners, so the object does not
// matter.
func (p people) Authorize(ctx context.Context, ws engage.WorkspaceID, permission string, _ engage.Ref) error {
	actor := engage.ActorFrom(ctx)
	if actor == (engage.Actor{}) {
		return &engage.Error{Code: engage.Unauthenticated, Op: "hostusers.Authorize"}
	}
	var allowed bool
	var err error
	var id engage.UserID
	switch {
	case actor.Type == "user" && id.UnmarshalText([]byte(actor.ID)) == nil:
		allowed, err = p.db.NewSelect().Model((*employee)(nil)).Join("JOIN jobs AS j ON j.job = e.job").
			Where("e.id = ?", numberOf(id)).Where("e.shop_id = ?", numberOf(ws)).Where("e.left_at IS NULL").
			Where("j.permission = ?", permission).Exists(ctx)
	case actor.Type == "api_key":
		allowed, err = p.db.NewSelect().Model((*token)(nil)).Join("JOIN token_rights AS r ON r.token_id = t.id").
			Where("CAST(t.id AS TEXT) = ?", actor.ID).Where("t.shop_id = ?", numberOf(ws)).Where("NOT t.revoked").
			Where("r.permission = ?", permission).Exists(ctx)
	}
	if err == nil && !allowed {
		err = &engage.Error{Code: engage.PermissionDenied, Op: "hostusers.Authorize", Entity: permission}
	}
	return err
}

// Settings implements engage.SettingsReader.
func (p people) Settings(ctx context.Context, ws engage.WorkspaceID) (engage.Settings, error) {
	var s shop
	err := p.db.NewSelect().Model(&s).Where("id = ?", numberOf(ws)).Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = &engage.Error{Code: engage.NotFound, Op: "hostusers.Settings", Entity: ws.String()}
	}
	if err != nil {
		return engage.Settings{}, err
	}
	return engage.Settings{
		Name: s.Name, Locale: s.Language, TimeZone: s.Zone, Currency: engage.Currency(s.Currency),
		Values: map[string]json.RawMessage{"shop.theme": json.RawMessage(s.Theme)},
	}, nil
}

// VerifyKey implements engage.KeyVerifier. The table holds digests: who reads it
// has no key, and finding a digest takes the same time for any wrong key.
func (p people) VerifyKey(ctx context.Context, key engage.Secret) (engage.Grant, error) {
	digest := sha256.Sum256([]byte(key.Reveal()))
	var t token
	err := p.db.NewSelect().Model(&t).Where("digest = ?", digest[:]).Where("NOT revoked").Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		err = &engage.Error{Code: engage.Unauthenticated, Op: "hostusers.VerifyKey"}
	}
	if err != nil {
		return engage.Grant{}, err
	}
	grant := engage.Grant{Workspace: workspaceOf(t.ShopID), Actor: engage.Actor{Type: "api_key", ID: number(t.ID)}}
	err = p.db.NewSelect().Model((*right)(nil)).Column("permission").Where("token_id = ?", t.ID).OrderExpr("permission").Scan(ctx, &grant.Permissions)
	return grant, err
}

// newKey makes a key of a shop and answers it, this once.
func (p people) newKey(ctx context.Context, id, shopID int64, permissions ...string) (engage.Secret, error) {
	key := rand.Text()
	digest := sha256.Sum256([]byte(key))
	t := token{Digest: digest[:], ID: id, ShopID: shopID}
	if _, err := p.db.NewInsert().Model(&t).Exec(ctx); err != nil {
		return engage.Secret{}, err
	}
	rights := make([]right, len(permissions))
	for i, permission := range permissions {
		rights[i] = right{TokenID: id, Permission: permission}
	}
	_, err := p.db.NewInsert().Model(&rights).Exec(ctx)
	return engage.NewSecret(key), err
}
