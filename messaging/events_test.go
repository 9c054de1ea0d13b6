package messaging_test

import (
	"flag"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/internal/goldens"
	"github.com/go-engage/engage/messaging"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestEventPayloads(t *testing.T) {
	t.Parallel()
	goldens.Events(t, *update,
		messaging.TemplateChanged{TemplateID: messaging.TemplateID{1}, Name: "Welcome <1>"},
		messaging.MessageSettled{
			MessageID: messaging.MessageID{1}, ContactID: contacts.ID{2}, TemplateID: messaging.TemplateID{3}, Class: messaging.Transactional,
			State: messaging.Failed, Reason: messaging.TooManyTries, Failure: messaging.FailureRetryable, Attempts: messaging.MaxAttempts,
		},
	)
}

func TestATemplatesChangeIsToldWithTheChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	template := b.template()
	_, err := b.service.UpdateTemplate(b.ctx, b.ws, template.ID, func(t *messaging.SavedTemplate) error {
		t.Name = "Other"
		t.ID, t.Version, t.CreatedAt = messaging.TemplateID{9}, 9, start.AddDate(1, 0, 0) // not the caller's to change
		return nil
	})
	b.no(err)
	got, err := b.service.Template(b.ctx, b.ws, template.ID)
	b.no(err)
	if got.Name != "Other" || got.Version != 2 || !got.CreatedAt.Equal(start) {
		t.Errorf("%+v", got)
	}
	_, err = b.service.UpdateTemplate(b.ctx, b.ws, template.ID, func(t *messaging.SavedTemplate) error {
		t.Content.Subject, t.From.Email, t.Name = "{{", "nobody", ""
		return nil
	})
	b.code(err, engage.Invalid, "name", "from.email", "content.subject")
	slices, err := b.store.Read(b.ctx, engage.DefaultShard, engage.PartitionOf(b.ws), 0, 100)
	b.no(err)
	var told []string
	for _, slice := range slices {
		for _, e := range slice.Events {
			told = append(told, e.Name+" "+string(e.Data))
		}
	}
	b.same(told, []string{
		`messaging.template.changed.v1 {"template_id":"` + template.ID.String() + `","name":"Greeting"}`,
		`messaging.template.changed.v1 {"template_id":"` + template.ID.String() + `","name":"Other"}`,
	})
}
