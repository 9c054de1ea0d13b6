package actions

import (
	"context"
	"encoding/json"

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
	asked := make([]contacts.ID, len(requests))
	for i, r := range requests {
		asked[i] = r.ContactID
	}
	standing, err := a.Contacts.Standing(ctx, ws, asked)
	if err != nil {
		return all(requests, err)
	}
	for _, g := range groups {
		var ids []contacts.ID
		var at []int
		for _, i := range g.at {
			contact, found := standing[requests[i].ContactID]
			if !found {
				outcomes[i] = gone("actions.AddTag", requests[i].ContactID)
				continue
			}
			ids, at = append(ids, contact.ID), append(at, i)
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
