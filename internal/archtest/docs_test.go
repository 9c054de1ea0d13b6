package archtest

import (
	"go/ast"
	"go/doc"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// noExample says why packages, by patterns of their paths, have no Example
// function.
var noExample = map[string]string{
	"adapters/bunstore/bun*":   "a constructor each, which examples/handwired calls",
	"adapters/memory/mem*":     "a constructor each, which examples/handwired calls",
	"adapters/wiring":          "provider sets, which adapters/stack composes",
	"adapters/stack/stacktest": "its use is a test; the package comment shows one",
	"adapters/conformance":     "its use is an adapter's test; examples/customadapter is one",
}

func docRules() []rule {
	return []rule{
		{
			name: "every package comment says what the package is and who imports it",
			check: func(t *tree) []string {
				var found []string
				for _, p := range t.packages {
					if why := wrongComment(p); why != "" {
						found = append(found, finding(p.title(), "%s", why))
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"says nothing", "-- contacts/events/e.go --\npackage events\n", "contacts/events: no package comment"},
				{"says it short", "-- contacts/events/e.go --\n// Package events keeps events.\npackage events\n", "contacts/events: one sentence only"},
				{"forgets its reader", "-- contacts/events/e.go --\n// Package events keeps events. It is nice.\npackage events\n", "does not say who imports"},
				{"opens otherwise", "-- contacts/events/e.go --\n// These are events. Hosts import it.\npackage events\n", "begins otherwise than \"Package events \""},
				{"says it twice", "-- contacts/more.go --\n// Package contacts keeps people. Hosts import it.\npackage contacts\n", "contacts: 2 package comments"},
			},
		},
		{
			name: "every exported identifier is documented",
			check: func(t *tree) []string {
				var found []string
				for _, p := range t.packages {
					if p.name == "main" {
						continue
					}
					for _, f := range p.files {
						if f.generated {
							continue
						}
						for _, name := range undocumented(f) {
							found = append(found, finding(f.path, "%s has no comment", name))
						}
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"has a bare function", "-- contacts/x.go --\npackage contacts\nfunc Find() {}\n", "contacts/x.go: Find has no comment"},
				{"has a bare type in a group", "-- contacts/x.go --\npackage contacts\n// Things.\ntype (\n\tThing int\n)\n", "Thing has no comment"},
				{"has a bare constant", "-- contacts/x.go --\npackage contacts\nconst Max = 1\n", "Max has no comment"},
				{"has a bare method", "-- contacts/x.go --\npackage contacts\n// T is a list.\ntype T[E any] []E\nfunc (t *T[E]) Len() {}\n", "T.Len has no comment"},
				{"has a port without a contract", "-- contacts/x.go --\npackage contacts\n// P is a port.\ntype P interface {\n\t// A answers.\n\tA()\n\tB()\n}\n", "P.B has no comment"},
			},
		},
		{
			name: "every package that users import has an example whose output is checked",
			check: func(t *tree) []string {
				var found []string
				for _, p := range t.packages {
					switch {
					case p.isTooling() || p.isSuite() || path.Base(p.path) == "wire":
						// Programs, suites (an adapter's test is the example) and
						// provider sets are used in whole, not by calls.
					case excused(p) || runsExample(p):
					default:
						found = append(found, finding(p.title(), "no Example function with an // Output: comment, and no reason in docs_test.go"))
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"has none", "-- contacts/example_test.go --\n", "contacts: no Example function"},
				{"has one that never runs", "-- contacts/example_test.go --\npackage contacts_test\nfunc Example() {}\n", "contacts: no Example function"},
			},
		},
	}
}

var (
	sentenceEnd = regexp.MustCompile(`[.!?:]\s+`)
	saysWho     = regexp.MustCompile(`(?i)\b(import|use|run|mount|call|link|compose|read|for)(s|d|ed|ing)?\b`)
)

// wrongComment words what is wrong with a package's comment.
func wrongComment(p *pkg) string {
	files := p.files
	if len(files) == 0 {
		files = p.tests
	}
	var comments []string
	for _, f := range files {
		if f.syntax.Doc != nil && f.syntax.Doc.Text() != "" {
			comments = append(comments, f.syntax.Doc.Text())
		}
	}
	switch {
	case len(comments) == 0:
		return "no package comment"
	case len(comments) > 1:
		return strconv.Itoa(len(comments)) + " package comments: keep the one in doc.go"
	}
	text := strings.Join(strings.Fields(comments[0]), " ")
	opening := "Package " + p.name + " "
	if p.name == "main" {
		opening = "Command " + path.Base(p.path) + " "
	}
	if !strings.HasPrefix(text, opening) {
		return "the package comment begins otherwise than \"" + opening + "\""
	}
	first := len((&doc.Package{}).Synopsis(text))
	rest := strings.TrimSpace(text[min(first, len(text)):])
	if rest == "" {
		return "one sentence only: say in a second one who imports or runs it"
	}
	second := rest
	if end := sentenceEnd.FindStringIndex(rest); end != nil {
		second = rest[:end[0]]
	}
	if !saysWho.MatchString(second) {
		return "the second sentence does not say who imports, uses or runs it: \"" + second + "\""
	}
	return ""
}

// undocumented are the exported names of a file that have no comment.
func undocumented(f *file) []string {
	var names []string
	for _, decl := range f.syntax.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			name, public := decl.Name.Name, decl.Name.IsExported()
			if decl.Recv != nil {
				receiver := receiverName(decl.Recv.List[0].Type)
				name, public = receiver+"."+name, public && ast.IsExported(receiver)
			}
			if public && decl.Doc == nil {
				names = append(names, name)
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				names = append(names, undocumentedSpec(decl, spec)...)
			}
		}
	}
	return names
}

func undocumentedSpec(group *ast.GenDecl, spec ast.Spec) []string {
	var names []string
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() && group.Doc == nil && spec.Doc == nil && spec.Comment == nil {
				names = append(names, name.Name)
			}
		}
	case *ast.TypeSpec:
		if !spec.Name.IsExported() {
			return nil
		}
		if spec.Doc == nil && (group.Doc == nil || group.Lparen.IsValid()) {
			names = append(names, spec.Name.Name)
		}
		// An interface of one method says its contract in the type's comment.
		if port, ok := spec.Type.(*ast.InterfaceType); ok && len(port.Methods.List) > 1 {
			for _, method := range port.Methods.List {
				if len(method.Names) == 1 && method.Names[0].IsExported() && method.Doc == nil && method.Comment == nil {
					names = append(names, spec.Name.Name+"."+method.Names[0].Name)
				}
			}
		}
	}
	return names
}

func receiverName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiverName(e.X)
	case *ast.IndexExpr:
		return receiverName(e.X)
	case *ast.IndexListExpr:
		return receiverName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func excused(p *pkg) bool {
	for pattern := range noExample {
		if matched, err := path.Match(pattern, p.path); err == nil && matched {
			return true
		}
	}
	return false
}

func runsExample(p *pkg) bool {
	for _, f := range p.tests {
		for _, example := range doc.Examples(f.syntax) {
			if example.Output != "" || example.EmptyOutput {
				return true
			}
		}
	}
	return false
}
