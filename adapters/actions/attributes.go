package actions

import (
	"context"
	"encoding/json"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/contacts/attribute"
)

// SetAttributes writes attributes to the run's contact.
type SetAttributes struct {
	Contacts *contacts.Service
}

var _ automation.Actor = SetAttributes{}

// SetAttributesParams are the parameters of SetAttributes.
type SetAttributesParams struct {
	Attributes attribute.Set `json:"attributes"` // null unsets
}

// Kind is "set_attributes".
func (SetAttributes) Kind() string { return "set_attributes" }

// Check answers ErrInvalid unless the parameters name attributes.
func (a SetAttributes) Check(params json.RawMessage) error {
	_, err := a.parse(params)
	return err
}

func (SetAttributes) parse(params json.RawMessage) (SetAttributesParams, error) {
	const op = "actions.SetAttributes"
	var p SetAttributesParams
	if err := decode(op, params, &p); err != nil {
		return p, err
	}
	var faults engage.Faults
	if len(p.Attributes) == 0 || len(p.Attributes) > attribute.MaxKeys {
		faults.Add("attributes", "out_of_range", "want 1 to %d attributes", attribute.MaxKeys)
	}
	for _, key := range p.Attributes.Keys() {
		attribute.ValidateKey(&faults, "attributes."+key, key)
	}
	return p, faults.Err(op, "")
}

// Act writes to all contacts in one call. A value that does not fit its
// definition answers ErrInvalid for its request, which then has no effect.
func (a SetAttributes) Act(ctx context.Context, ws engage.WorkspaceID, requests []automation.Request) []error {
	const op = "actions.SetAttributes"
	groups, outcomes := grouped(requests, a.parse)
	var patches []contacts.Patch
	var at []int
	for _, g := range groups {
		for _, i := range g.at {
			patches, at = append(patches, contacts.Patch{ContactID: requests[i].ContactID, Attributes: g.params.Attributes}), append(at, i)
		}
	}
	patched, err := a.Contacts.SetAttributes(ctx, ws, patches...)
	if err != nil {
		return all(requests, err)
	}
	for n, p := range patched {
		switch i := at[n]; {
		case p.ContactID.IsZero():
			outcomes[i] = gone(op, requests[i].ContactID)
		case len(p.Rejected) > 0:
			outcomes[i] = &engage.Error{Code: engage.Invalid, Op: op, Entity: "contact " + p.ContactID.String(), Fields: p.Rejected}
		}
	}
	return outcomes
}
