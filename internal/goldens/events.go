// Package goldens compares what the suite writes for others to read with files
// that are kept beside the code. Tests of the module's own packages import it;
// nothing else does.
package goldens

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/go-engage/engage"
)

// Events compares each event with testdata/events/<wire name>.json, and the JSON
// Schema of its type with <wire name>.schema.json, or rewrites them. It wants an
// event of every type in the directory's package that names itself, in which
// every field has a value that its decoding can be told by.
//
// Consumers written in other years and languages read these payloads: a change
// that is no added field needs a new version of the event.
func Events(t *testing.T, update bool, events ...engage.Event) {
	t.Helper()
	given := map[string]bool{}
	for _, event := range events {
		given[reflect.TypeOf(event).Name()] = true
	}
	for _, name := range eventTypes(t) {
		if !given[name] {
			t.Errorf("%s names itself as an event and has no golden here", name)
		}
	}
	for _, event := range events {
		t.Run(event.EventName(), func(t *testing.T) {
			t.Parallel()
			checkEvent(t, update, event)
		})
	}
}

func checkEvent(t *testing.T, update bool, event engage.Event) {
	t.Helper()
	envelope, err := engage.NewEnvelope(context.Background(), engage.WorkspaceID{1}, event, engage.EventID{1}, time.Unix(1e9, 0).UTC())
	if err != nil {
		t.Fatal(err)
	}
	schema, err := schemaOf(reflect.TypeOf(event))
	if err != nil {
		t.Fatal(err)
	}
	schema.ID, schema.Schema = "urn:engage:"+event.EventName(), "https://json-schema.org/draft/2020-12/schema"
	described, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "events", event.EventName())
	Document(t, update, file+".schema.json", described)
	Document(t, update, file+".json", envelope.Data)

	decoded := reflect.New(reflect.TypeOf(event))
	if err := json.Unmarshal(envelope.Data, decoded.Interface()); err != nil {
		t.Fatal(err)
	}
	if got := decoded.Elem().Interface(); !reflect.DeepEqual(got, event) {
		t.Errorf("it decodes to %+v", got)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(envelope.Data, &document); err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(document); err != nil {
		t.Errorf("it does not keep its own schema: %v", err)
	}
}

// Document compares a JSON document, indented, with a file, or rewrites it.
func Document(t *testing.T, update bool, file string, document []byte) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, document, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file) //nolint:gosec // named by the wire name of an event
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got.Bytes(), want)
	}
}

// schemaOf is the JSON Schema of a payload. It allows properties that a later
// version of the type may add.
func schemaOf(payload reflect.Type) (*jsonschema.Schema, error) {
	known := map[reflect.Type]*jsonschema.Schema{}
	describe(payload, known)
	schema, err := jsonschema.ForType(payload, &jsonschema.ForOptions{TypeSchemas: known})
	if err != nil {
		return nil, err
	}
	open(schema)
	return schema, nil
}

// describe notes the types below t that encode themselves, which reflection
// can't see into.
func describe(t reflect.Type, known map[reflect.Type]*jsonschema.Schema) {
	if known[t] != nil {
		return
	}
	value := reflect.New(t)
	switch encoder := value.Interface().(type) {
	case *time.Time:
		known[t] = &jsonschema.Schema{Type: "string", Format: "date-time"}
		return
	case json.Marshaler:
		known[t] = &jsonschema.Schema{} // any value
		return
	case encoding.TextMarshaler:
		known[t] = &jsonschema.Schema{Type: "string", Pattern: idPattern(value.Elem(), encoder)}
		return
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		describe(t.Elem(), known)
	case reflect.Struct:
		for i := range t.NumField() {
			describe(t.Field(i).Type, known)
		}
	}
}

// idPattern is what an id looks like, or "" for other texts.
func idPattern(value reflect.Value, encoder encoding.TextMarshaler) string {
	if value.Type().Kind() != reflect.Array || value.Len() != 16 {
		return ""
	}
	value.Index(0).SetUint(1)
	text, err := encoder.MarshalText()
	prefix, _, ok := strings.Cut(string(text), "_")
	if err != nil || !ok {
		return ""
	}
	return "^" + prefix + "_[0-9a-z]{26}$"
}

// open lets every object of a schema have more properties, and sorts what is
// required.
func open(schema *jsonschema.Schema) {
	if schema == nil {
		return
	}
	if schema.Properties != nil {
		schema.AdditionalProperties = nil
	}
	for name, property := range schema.Properties {
		if !slices.Contains(schema.Required, name) && slices.Equal(property.Types, []string{"null", "array"}) {
			property.Type, property.Types = "array", nil // an empty one is left out
		}
		open(property)
	}
	open(schema.Items)
	open(schema.AdditionalProperties)
	slices.Sort(schema.Required)
}

// eventTypes are the names of the exported types of the package in the working directory
// that have a method EventName.
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
				if receiver, ok := fn.Recv.List[0].Type.(*ast.Ident); ok && receiver.IsExported() {
					names = append(names, receiver.Name)
				}
			}
		}
	}
	return names
}
