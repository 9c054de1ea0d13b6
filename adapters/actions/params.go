package actions

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/automation"
	"github.com/go-engage/engage/contacts"
)

// decode reads an action's parameters. Unknown fields and anything behind the
// document answer ErrInvalid.
func decode(op string, params json.RawMessage, dest any) error {
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.DisallowUnknownFields()
	err := dec.Decode(dest)
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			err = errMore
		}
	}
	if err != nil {
		return &engage.Error{Code: engage.Invalid, Op: op, Err: err}
	}
	return nil
}

// alike are the requests of one step that have the same parameters, which is all
// requests of one node.
type alike[P any] struct {
	params P
	at     []int // indexes of the requests
}

// grouped parses the parameters of requests, each text once, and answers the
// groups in the order of their first requests, with an error for each request
// whose parameters are faulty.
func grouped[P any](requests []automation.Request, parse func(json.RawMessage) (P, error)) ([]*alike[P], []error) {
	type parsed struct {
		group *alike[P]
		err   error
	}
	outcomes := make([]error, len(requests))
	byText := map[string]parsed{}
	var groups []*alike[P]
	for i, r := range requests {
		p, known := byText[string(r.Params)]
		if !known {
			params, err := parse(r.Params)
			p = parsed{&alike[P]{params: params}, err}
			byText[string(r.Params)] = p
			if err == nil {
				groups = append(groups, p.group)
			}
		}
		outcomes[i] = p.err
		p.group.at = append(p.group.at, i)
	}
	return groups, outcomes
}

// all answers the same error for each request.
func all(requests []automation.Request, err error) []error {
	outcomes := make([]error, len(requests))
	for i := range outcomes {
		outcomes[i] = err
	}
	return outcomes
}

func gone(op string, id contacts.ID) error {
	return &engage.Error{Code: engage.NotFound, Op: op, Entity: "contact " + id.String()}
}
