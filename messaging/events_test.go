package messaging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-engage/engage"
	"github.com/go-engage/engage/contacts"
	"github.com/go-engage/engage/messaging"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Consumers written in other years and languages read these payloads. A change
// of a golden file that is no added field needs a new version of the event.
func TestEventPayloads(t *testing.T) {
	t.Parallel()
	golden := map[string]engage.Event{
		"TemplateChanged": messaging.TemplateChanged{TemplateID: messaging.TemplateID{1}, Name: "Welcome <1>"},
		"MessageSettled": messaging.MessageSettled{
			MessageID: messaging.MessageID{1}, ContactID: contacts.ID{2}, TemplateID: messaging.TemplateID{3}, Class: messaging.Transactional,
			State: messaging.Failed, Reason: messaging.TooManyTries, Failure: messaging.FailureRetryable, Attempts: messaging.MaxAttempts,
		},
	}
	for _, name := range eventTypes(t) {
		if golden[name] == nil {
			t.Errorf("%s names itself as an event and has no golden here", name)
		}
	}
	for name, event := range golden {
		t.Run(name+" is encoded as its golden, and decodes to what it was", func(t *testing.T) {
			t.Parallel()
			if got := reflect.TypeOf(event).Name(); got != name {
				t.Fatalf("this is a %s", got)
			}
			envelope, err := engage.NewEnvelope(context.Background(), engage.WorkspaceID{1}, event, engage.EventID{1}, start)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := json.Indent(&got, envelope.Data, "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			file := filepath.Join("testdata", "events", event.EventName()+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s: got\n%s\nwant\n%s", file, got.Bytes(), want)
			}
			decoded := reflect.New(reflect.TypeOf(event))
			if err := json.Unmarshal(want, decoded.Interface()); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(decoded.Elem().Interface(), event) {
				t.Errorf("it decodes to %+v", decoded.Elem().Interface())
			}
		})
	}
}

// eventTypes are the types of the package with a method EventName.
func eventTypes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv != nil && fn.Name.Name == "EventName" {
				if receiver, ok := fn.Recv.List[0].Type.(*ast.Ident); ok {
					names = append(names, receiver.Name)
				}
			}
		}
	}
	return names
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
