package contacts_test

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
	"github.com/go-engage/engage/contacts/attribute"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// Consumers written in other years and languages read these payloads. A change
// of a golden file that is no added field needs a new version of the event.
func TestEventPayloads(t *testing.T) {
	t.Parallel()
	ana, seen := contacts.ID{1}, contacts.ID{2}
	tag, list := contacts.TagID{3}, contacts.ListID{4}
	keys := []contacts.IdentityKey{{Kind: contacts.UserID, Value: "ana <1>"}, {Kind: contacts.Email, Value: "ana@acme.test"}}
	decimal, err := attribute.Decimal("12.50")
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string]engage.Event{
		"Created": contacts.Created{ContactID: ana, State: contacts.Identified, Identities: keys, Attributes: attribute.Set{
			"plan": attribute.String("pro"), "n": attribute.Integer(1<<53 + 1), "price": decimal, "yes": attribute.Boolean(true), "list": attribute.List(attribute.String("a")),
		}},
		"Updated": contacts.Updated{ContactID: ana, Changes: []attribute.Change{
			{Key: "added", To: attribute.Integer(1)}, {Key: "changed", From: attribute.String("trial"), To: attribute.String("pro")}, {Key: "removed", From: decimal},
		}},
		"IdentitiesChanged": contacts.IdentitiesChanged{ContactID: ana, Added: keys[:1], Removed: keys[1:], Identified: true},
		"Merged":            contacts.Merged{Absorbed: seen, Survivor: ana},
		"Deleted":           contacts.Deleted{ContactID: ana, Absorbed: []contacts.ID{seen}},
		"AttributeDefined":  contacts.AttributeDefined{Key: "plan", Type: attribute.TypeEnum},
		"TagChanged":        contacts.TagChanged{TagID: tag, Change: contacts.ChangeUpdated, Name: "VIP"},
		"TagAssigned":       contacts.TagAssigned{ContactID: ana, TagID: tag, Assigned: true},
		"ListChanged":       contacts.ListChanged{ListID: list, Change: contacts.ChangeCreated, Name: "News"},
		"MembershipChanged": contacts.MembershipChanged{ListID: list, ContactID: ana, From: contacts.Pending, To: contacts.Subscribed, Source: "form"},
	}
	checkGoldens(t, golden)
}

// checkGoldens compares an event of every type of the package that names itself
// with its file in testdata/events.
func checkGoldens(t *testing.T, golden map[string]engage.Event) {
	t.Helper()
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
			back := reflect.New(reflect.TypeOf(event))
			if err := json.Unmarshal(want, back.Interface()); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back.Elem().Interface(), event) {
				t.Errorf("decoded to %+v", back.Elem().Interface())
			}
		})
	}
}

// eventTypes are the names of the types in this directory's package that have a
// method EventName.
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
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
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
