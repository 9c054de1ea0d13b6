package archtest

import (
	"go/ast"
	"go/token"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

const (
	maxRootNames   = 120 // a vocabulary that a reader can hold
	maxFileLines   = 700 // longer ones hold two ideas
	maxPortMethods = 8   // what a fake is written for in one sitting
)

func shapeRules() []rule {
	return []rule{
		{
			name: "the top-level folders are the rooms of the suite and no others",
			check: func(t *tree) []string {
				strangers := map[string]bool{}
				for name := range t.files {
					if top, _, below := strings.Cut(name, "/"); below && !slices.Contains(topFolders, top) {
						strangers[top] = true
					}
				}
				var found []string
				for _, name := range slices.Sorted(maps.Keys(strangers)) {
					found = append(found, finding(name+"/", "no such room; the folders are %s", strings.Join(topFolders, ", ")))
				}
				return found
			},
			saboteurs: []saboteur{
				{"opens a room", "-- pkg/x.txt --\nx\n", "pkg/: no such room"},
			},
		},
		{
			name: "no package is named for what it holds leftovers of",
			check: func(t *tree) []string {
				var found []string
				banned := []string{"util", "utils", "common", "helper", "helpers", "model", "models", "type", "types", "misc", "shared"}
				for _, p := range t.packages {
					if slices.Contains(banned, p.name) || slices.Contains(banned, path.Base(p.path)) {
						found = append(found, finding(p.path, "name the package for what it does"))
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"collects helpers", "-- internal/helpers/h.go --\npackage helpers\n", "internal/helpers: name the package"},
				{"hides the name behind a folder", "-- contacts/models/m.go --\npackage contactmodels\n", "contacts/models"},
			},
		},
		{
			name: "a file has 700 lines at most",
			check: func(t *tree) []string {
				var found []string
				for _, p := range t.packages {
					for _, f := range p.files {
						if f.lines > maxFileLines && !f.generated {
							found = append(found, finding(f.path, "%d lines, at most %d: it holds more than one idea", f.lines, maxFileLines))
						}
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"goes on", "-- contacts/long.go --\npackage contacts\n" + strings.Repeat("\n", 700), "contacts/long.go: 701 lines"},
			},
		},
		{
			name: "the root has fewer than 120 exported names",
			check: func(t *tree) []string {
				root := t.find("")
				if root == nil {
					return []string{"the root package is missing"}
				}
				if names := exportedNames(root); len(names) >= maxRootNames {
					return []string{finding("the root package", "%d exported names, want fewer than %d", len(names), maxRootNames)}
				}
				return nil
			},
			saboteurs: []saboteur{
				{"grows", "-- many.go --\npackage suite\nconst (\n\tA" + strings.Join(strings.Split(strings.Repeat("x", 119), ""), "=1\n\tA") + "=1\n)\n", "exported names, want fewer than 120"},
				{"loses its files", "-- doc.go --\n-- id.go --\n-- example_test.go --\n", "the root package is missing"},
			},
		},
		{
			name: "every domain with a service has the same files",
			check: func(t *tree) []string {
				var found []string
				for _, domain := range slices.Concat(domains, governed) {
					p := t.find(domain)
					if p == nil || !declares(p, "Deps") {
						continue // the service is not built yet
					}
					for _, name := range []string{"doc.go", "events.go", "errors.go", "limits.go", "example_test.go"} {
						if t.files[domain+"/"+name] == nil {
							found = append(found, finding(domain, "%s is missing: every domain has one", name))
						}
					}
					if suite := t.find(domain + "/" + path.Base(domain) + "test"); suite == nil || len(suite.files) == 0 {
						found = append(found, finding(domain, "%stest/ is missing: authors of adapters need its conformance suite", path.Base(domain)))
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"has no limits", "-- contacts/limits.go --\n", "contacts: limits.go is missing"},
				{"has no suite", "-- contacts/contactstest/suite.go --\n", "contacts: contactstest/ is missing"},
			},
		},
		{
			name: "a port has 8 methods at most",
			check: func(t *tree) []string {
				return eachInterface(t, func(name string, methods []*ast.Field) string {
					return refuse(len(methods) > maxPortMethods, name+" is too wide for one port: split it by role, or add an optional interface")
				})
			},
			saboteurs: []saboteur{
				{"does everything", "-- contacts/port.go --\npackage contacts\n\n// Repository stores.\ntype Repository interface {\n" + "\tM" + strings.Join([]string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}, "()\n\tM") + "()\n}\n", "Repository is too wide"},
			},
		},
		{
			name: "ctx comes first, and the workspace right after it",
			check: func(t *tree) []string {
				var found []string
				for _, p := range t.packages {
					if p.isTooling() || p.isTestKit() {
						continue
					}
					for _, f := range p.files {
						ast.Inspect(f.syntax, func(n ast.Node) bool {
							if why := misplaced(n); why != "" {
								found = append(found, finding(t.at(n.Pos()), "%s", why))
							}
							return true
						})
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"ends with ctx", "-- contacts/m.go --\npackage contacts\nimport \"context\"\nfunc Find(name string, ctx context.Context) {}\n", "m.go:3: Find takes ctx as argument 2"},
				{"names the tenant last", "-- contacts/m.go --\npackage contacts\nimport (\"context\"; \"example.test/suite\")\ntype P interface { Get(ctx context.Context, id string, ws suite.WorkspaceID) }\n", "Get takes the workspace as argument 3"},
			},
		},
	}
}

// exportedNames are the exported names that a package declares at its top level.
func exportedNames(p *pkg) []string {
	var names []string
	for _, f := range p.files {
		for _, decl := range f.syntax.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Recv == nil {
					names = append(names, decl.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					names = append(names, specNames(spec)...)
				}
			}
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) })
}

func specNames(spec ast.Spec) []string {
	var names []string
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		names = append(names, spec.Name.Name)
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			names = append(names, name.Name)
		}
	}
	return names
}

func declares(p *pkg, name string) bool { return slices.Contains(exportedNames(p), name) }

// eachInterface makes findings of what is wrong with each exported interface of
// the root and the domains.
func eachInterface(t *tree, wrong func(name string, methods []*ast.Field) string) []string {
	var found []string
	for _, p := range t.packages {
		if p.path != "" && p.domain() == "" {
			continue
		}
		for _, f := range p.files {
			for _, decl := range f.syntax.Decls {
				gen, ok := decl.(*ast.GenDecl)
				if !ok || gen.Tok != token.TYPE {
					continue
				}
				for _, spec := range gen.Specs {
					spec := spec.(*ast.TypeSpec)
					if port, ok := spec.Type.(*ast.InterfaceType); ok && spec.Name.IsExported() {
						if why := wrong(spec.Name.Name, port.Methods.List); why != "" {
							found = append(found, finding(t.at(spec.Pos()), "%s", why))
						}
					}
				}
			}
		}
	}
	return found
}

// misplaced words what is wrong with the order of the arguments of an exported
// function or interface method.
func misplaced(n ast.Node) string {
	var name string
	var signature *ast.FuncType
	switch n := n.(type) {
	case *ast.FuncDecl:
		if !n.Name.IsExported() {
			return ""
		}
		name, signature = n.Name.Name, n.Type
	case *ast.Field:
		method, ok := n.Type.(*ast.FuncType)
		if !ok || len(n.Names) != 1 || !n.Names[0].IsExported() {
			return ""
		}
		name, signature = n.Names[0].Name, method
	default:
		return ""
	}
	ctx, workspace, at := 0, 0, 0
	for _, field := range signature.Params.List {
		for range max(1, len(field.Names)) {
			at++
			switch {
			case isSelector(field.Type, "context", "Context") && ctx == 0:
				ctx = at
			case isWorkspace(field.Type) && workspace == 0:
				workspace = at
			}
		}
	}
	switch {
	case ctx > 1:
		return name + " takes ctx as argument " + strconv.Itoa(ctx)
	case ctx == 1 && workspace > 2:
		return name + " takes the workspace as argument " + strconv.Itoa(workspace)
	}
	return ""
}

func isWorkspace(e ast.Expr) bool {
	if selector, ok := e.(*ast.SelectorExpr); ok {
		return selector.Sel.Name == "WorkspaceID"
	}
	return isIdent(e, "WorkspaceID")
}
