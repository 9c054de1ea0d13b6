package actions

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

// AddTag puts a tag on the run's contact.
type AddTag struct {
	Contacts *contacts.Service
}

var _ automation.Actor = AddTag{}

// AddTagParams are the parameters of AddTag.
type AddTagParams struct {
	TagID contacts.TagID `json:"tag_id"`
}

// Kind is "add_tag".
func (AddTag) Kind() string { return "add_tag" }

// Check answers ErrInvalid unless the parameters name a tag.
func (a AddTag) Check(params json.RawMessage) error {
	_, err := a.parse(params)
	return err
}

func (AddTag) parse(params json.RawMessage) (AddTagParams, error) {
	const op = "actions.AddTag"
	var p AddTagParams
	if err := decode(op, params, &p); err != nil {
		return p, err
	}
	var faults engage.Faults
	if p.TagID.IsZero() {
		faults.Add("tag_id", "required", "a tag is required")
	}
	return p, faults.Err(op, "")
}

// Act puts each tag on its contacts in one call. A tag that is gone answers
// ErrNotFound for the requests that name it.
func (a AddTag) Act(ctx context.Context, ws engage.WorkspaceID, requests []automation.Request) []error {
	groups, outcomes := grouped(requests, a.parse)
	standing, err := a.standing(ctx, ws, requests)
	if err != nil {
		return all(requests, err)
	}
	for _, g := range groups {
		var ids []contacts.ID
		var at []int
		for _, i := range g.at {
			id, found := standing[requests[i].ContactID]
			if !found {
				outcomes[i] = gone("actions.AddTag", requests[i].ContactID)
				continue
			}
			ids, at = append(ids, id), append(at, i)
		}
		if len(ids) == 0 {
			continue
		}
		if _, err := a.Contacts.AddTag(ctx, ws, g.params.TagID, ids...); err != nil {
			for _, i := range at {
				outcomes[i] = err
			}
		}
	}
	return outcomes
}

// standing answers for each contact that there is the one that it is now.
func (a AddTag) standing(ctx context.Context, ws engage.WorkspaceID, requests []automation.Request) (map[contacts.ID]contacts.ID, error) {
	ids := make([]contacts.ID, len(requests))
	for i, r := range requests {
		ids[i] = r.ContactID
	}
	slices.SortFunc(ids, contacts.ID.Compare)
	ids = slices.Compact(ids)
	standing := make(map[contacts.ID]contacts.ID, len(ids))
	found, err := a.Contacts.GetAll(ctx, ws, ids)
	if err != nil || len(found) == 0 {
		return standing, err
	}
	for _, c := range found {
		standing[c.ID] = c.ID
	}
	// What is left is absorbed or gone. Few are, so they are asked for one by one.
	for _, id := range ids {
		if _, known := standing[id]; known {
			continue
		}
		c, err := a.Contacts.Get(ctx, ws, id)
		if errors.Is(err, engage.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		standing[id] = c.ID
	}
	return standing, nil
}
