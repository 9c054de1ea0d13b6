package messaging

import (
	"context"
	"slices"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
)

// write moves one workspace's claimed messages, in place, and makes the emails of
// those that become intents.
func (s *Service) write(ctx context.Context, claimed []MessageAcross, emails []*Email) error {
	ws, now := claimed[0].Workspace, s.rt.Clock.Now()
	recipients, err := s.recipients(ctx, ws, claimed)
	if err != nil {
		return err
	}
	templates, err := s.templatesOf(ctx, ws, claimed)
	if err != nil {
		return err
	}
	for i := range claimed {
		m := &claimed[i].Message
		contact, known := recipients[m.ContactID]
		address := contact.Identity(contacts.Email).Value
		template, kept := templates[m.TemplateID]
		var move error
		switch {
		case !known:
			move = m.skip(Skipped, NoContact, now)
		case address == "":
			move = m.skip(Skipped, NoAddress, now)
		case !kept:
			move = m.skip(Failed, NoTemplate, now)
		default:
			// A repeat goes where the first attempt went.
			if m.Repeats > 0 {
				address = m.Address
			}
			email, err := s.compose(ws, m, template, contact, address)
			if err != nil {
				m.Failure, m.Code = FailurePayload, clean(err.Error())
				move = m.skip(Failed, BadContent, now)
				break
			}
			if move = m.intend(address, now); move == nil {
				emails[i] = &email
			}
		}
		if move != nil {
			return move
		}
	}
	return nil
}

func (s *Service) recipients(ctx context.Context, ws engage.WorkspaceID, claimed []MessageAcross) (map[contacts.ID]contacts.Contact, error) {
	ids := make([]contacts.ID, len(claimed))
	for i, c := range claimed {
		ids[i] = c.Message.ContactID
	}
	return s.contacts.Standing(ctx, ws, ids)
}

func (s *Service) templatesOf(ctx context.Context, ws engage.WorkspaceID, claimed []MessageAcross) (map[TemplateID]SavedTemplate, error) {
	ids := make([]TemplateID, len(claimed))
	for i, c := range claimed {
		ids[i] = c.Message.TemplateID
	}
	slices.SortFunc(ids, TemplateID.Compare)
	found, err := s.templates.Get(ctx, ws, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	out := make(map[TemplateID]SavedTemplate, len(found))
	for _, t := range found {
		out[t.ID] = t
	}
	return out, nil
}

// compose writes the email of one message. The template sees contact, with its
// attributes, id, email, phone and user_id, and data. A panic is an error of this
// message, so that it holds up no other.
func (s *Service) compose(ws engage.WorkspaceID, m *Message, template SavedTemplate, contact contacts.Contact, address string) (email Email, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = engage.PanicError("messaging.compose", p)
		}
	}()
	compiled, err := s.compiledOf(ws, template)
	if err != nil {
		return Email{}, err
	}
	who := make(map[string]any, len(contact.Attributes)+4)
	for key, value := range contact.Attributes {
		who[key] = value.Go()
	}
	who["id"], who["email"] = contact.ID.String(), address
	for key, kind := range map[string]contacts.IdentityKind{"phone": contacts.Phone, "user_id": contacts.UserID} {
		if value := contact.Identity(kind).Value; value != "" {
			who[key] = value
		}
	}
	rendered, err := compiled.Render(map[string]any{"contact": who, "data": m.Data.Go()})
	if err != nil {
		return Email{}, err
	}
	email = Email{
		From: template.From, ReplyTo: template.ReplyTo, To: Address{Email: address}, MessageID: m.messageID(template.From),
		Subject: rendered.Subject, HTML: rendered.HTML, Text: rendered.Text,
	}
	return email, email.Validate()
}

type compiledKey struct {
	ws      engage.WorkspaceID
	id      TemplateID
	version engage.Version
}

func (s *Service) compiledOf(ws engage.WorkspaceID, template SavedTemplate) (*Compiled, error) {
	key := compiledKey{ws, template.ID, template.Version}
	s.compiledMu.Lock()
	defer s.compiledMu.Unlock()
	if compiled := s.compiled[key]; compiled != nil {
		return compiled, nil
	}
	compiled, err := template.Content.Compile()
	if err != nil {
		return nil, err
	}
	if len(s.compiled) >= compiledTemplates {
		clear(s.compiled) // rare, and cheaper than to know which is the oldest
	}
	s.compiled[key] = compiled
	return compiled, nil
}
