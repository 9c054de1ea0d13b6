package archtest

import (
	"path"
	"strings"
)

func importRules() []rule {
	return []rule{
		{
			name: "the root imports the standard library alone",
			check: eachImport(func(t *tree, f *file, imported string) string {
				if _, own := t.own(imported); f.pkg.path == "" && (own || !standard(imported)) {
					return "the root is the leaf of the module"
				}
				return ""
			}),
			saboteurs: []saboteur{
				{"takes a library", "-- id.go --\npackage suite\nimport _ \"github.com/google/uuid\"\n", "id.go: imports github.com/google/uuid"},
				{"takes a domain", "-- id.go --\npackage suite\nimport _ \"example.test/suite/contacts\"\n", "imports example.test/suite/contacts"},
			},
		},
		{
			name: "a domain imports the standard library, the root and small pure libraries",
			check: eachImport(func(t *tree, f *file, imported string) string {
				_, own := t.own(imported)
				switch {
				case f.pkg.domain() == "" || f.pkg.isSuite() || own:
					return ""
				case withinAny(imported, "database/sql", "net/http", "net/smtp", "net/rpc", "os/exec", "log", "flag", "plugin", "expvar") && imported != "log/slog":
					return "a domain does no input and output of its own: declare a port"
				case imported == "net":
					return "a domain opens no connections: declare a port; addresses are net/netip's"
				case !standard(imported) && !withinAny(unversioned(imported), pureLibraries...):
					return "not among the pure libraries of rooms_test.go: declare a port, or add it there with the reviewer's consent"
				}
				return ""
			}),
			saboteurs: []saboteur{
				{"talks SQL", "-- contacts/sql.go --\npackage contacts\nimport _ \"database/sql\"\n", "contacts/sql.go: imports database/sql"},
				{"serves HTTP", "-- contacts/web.go --\npackage contacts\nimport _ \"net/http\"\n", "imports net/http"},
				{"takes Bun", "-- contacts/bun.go --\npackage contacts\nimport _ \"github.com/uptrace/bun\"\n", "imports github.com/uptrace/bun"},
				{"takes Watermill in a sub-package", "-- contacts/events/w.go --\npackage events\nimport _ \"github.com/ThreeDotsLabs/watermill/message\"\n", "watermill/message"},
			},
		},
		{
			name: "a domain imports no other domain but contacts and the filter language, and no adapter",
			check: eachImport(func(t *tree, f *file, imported string) string {
				target, own := t.own(imported)
				switch {
				case !own || target == "" || f.pkg.domain() == "":
					return ""
				case within(f.pkg.path, "segments/filter"):
					return refuse(!withinAny(target, "segments/filter", "internal"), "segments/filter is a leaf")
				case withinAny(target, f.pkg.domain(), "contacts", "segments/filter", "internal"):
					return ""
				}
				return "declare a port of 1 to 3 methods here, or react to the other's events by name"
			}),
			saboteurs: []saboteur{
				{"calls a neighbour", "-- segments/loop.go --\npackage segments\nimport _ \"example.test/suite/messaging\"\n", "segments/loop.go: imports example.test/suite/messaging"},
				{"calls an adapter", "-- segments/loop.go --\npackage segments\nimport _ \"example.test/suite/adapters/memory\"\n", "imports example.test/suite/adapters/memory"},
				{"accounts call a neighbour", "-- adapters/accounts/a.go --\npackage accounts\nimport _ \"example.test/suite/messaging\"\n", "accounts/a.go: imports example.test/suite/messaging"},
				{"accounts store themselves", "-- adapters/accounts/a.go --\npackage accounts\nimport _ \"example.test/suite/adapters/bunstore\"\n", "imports example.test/suite/adapters/bunstore"},
				{"the filter takes contacts", "-- segments/filter/f.go --\npackage filter\nimport _ \"example.test/suite/contacts\"\n", "segments/filter is a leaf"},
			},
		},
		{
			name: "an adapter imports another only in its own family",
			check: eachImport(func(t *tree, f *file, imported string) string {
				target, own := t.own(imported)
				from, to := f.pkg.family(), family(target)
				if !own || from == "" || to == "" || from == to || withinAny(f.pkg.path, composers...) {
					return ""
				}
				if to == "adapters/netguard" {
					return "" // the guarded dialer exists for the other adapters
				}
				return "take the other through a port; adapters/stack joins the two"
			}),
			saboteurs: []saboteur{
				{"reaches into the SQL kernel", "-- adapters/memory/kernel.go --\npackage memory\nimport _ \"example.test/suite/adapters/bunstore\"\n", "imports example.test/suite/adapters/bunstore"},
			},
		},
		{
			name: "the storage kernels import no domain",
			check: eachImport(func(t *tree, f *file, imported string) string {
				target, own := t.own(imported)
				switch f.pkg.path {
				case "adapters/bunstore", "adapters/bunstore/pgxarrays", "adapters/memory":
					return refuse(own && target != "" && !withinAny(target, f.pkg.family(), "internal"), "each domain has a package of its own beside the kernel")
				}
				return ""
			}),
			saboteurs: []saboteur{
				{"knows contacts", "-- adapters/memory/kernel.go --\npackage memory\nimport _ \"example.test/suite/contacts\"\n", "imports example.test/suite/contacts"},
			},
		},
		{
			name: "SQL drivers are imported by stack, examples, internal and tests only",
			check: eachImport(func(_ *tree, f *file, imported string) string {
				switch {
				case !withinAny(unversioned(imported), drivers...), withinAny(f.pkg.path, "adapters/stack", "examples", "internal"):
					return ""
				case f.pkg.path == "adapters/bunstore/pgxarrays" && within(imported, "github.com/jackc/pgx/v5") && path.Base(imported) != "stdlib":
					return "" // binary arrays are pgx's; stack sets this binder
				}
				return "hosts bring their own *bun.DB"
			}),
			saboteurs: []saboteur{
				{"links SQLite", "-- adapters/bunstore/open.go --\npackage bunstore\nimport _ \"modernc.org/sqlite\"\n", "imports modernc.org/sqlite"},
				{"links pgx below its version", "-- adapters/bunstore/open.go --\npackage bunstore\nimport _ \"github.com/jackc/pgx/v5/stdlib\"\n", "imports github.com/jackc/pgx/v5/stdlib"},
				{"registers a driver beside the arrays", "-- adapters/bunstore/pgxarrays/a.go --\npackage pgxarrays\nimport _ \"github.com/jackc/pgx/v5/stdlib\"\n", "pgxarrays/a.go: imports"},
			},
		},
		{
			name: "Wire is imported by adapters/wiring, wire sub-packages, stack and examples only",
			check: eachImport(func(_ *tree, f *file, imported string) string {
				edge := withinAny(f.pkg.path, "adapters/wiring", "adapters/stack", "examples") ||
					f.pkg.family() != "" && path.Base(f.pkg.path) == "wire"
				return refuse(within(imported, "github.com/google/wire") && !edge, "Wire stays at the edge: constructors are called by hand everywhere else")
			}),
			saboteurs: []saboteur{
				{"puts a provider set into an adapter", "-- adapters/memory/sets.go --\npackage memory\nimport _ \"github.com/google/wire\"\n", "imports github.com/google/wire"},
			},
		},
		{
			name: "a suite imports testing, the root, its domain, go-cmp and what the suites have in common",
			check: eachImport(func(t *tree, f *file, imported string) string {
				target, own := t.own(imported)
				switch {
				case !f.pkg.isSuite() && f.pkg.path != suiteFrame, standard(imported) && !own, within(imported, "github.com/google/go-cmp"):
					return ""
				case f.pkg.path == suiteFrame:
					return refuse(target != "" || !own, "what the suites have in common knows no domain")
				case target == suiteFrame:
					return ""
				case own && (target == "" || within(target, "segments/filter") || within(target, "contacts") && !isSuite(target)):
					return "" // what every domain may know
				case own && (within(target, path.Dir(f.pkg.path)) || f.pkg.domain() != "" && within(target, f.pkg.domain())):
					return ""
				}
				return "authors of adapters import the suite, and all it imports with it"
			}),
			saboteurs: []saboteur{
				{"takes an assertion library", "-- contacts/contactstest/a.go --\npackage contactstest\nimport _ \"github.com/stretchr/testify/require\"\n", "testify/require"},
				{"takes an adapter", "-- contacts/contactstest/a.go --\npackage contactstest\nimport _ \"example.test/suite/adapters/memory\"\n", "imports example.test/suite/adapters/memory"},
				{"reaches inside", "-- contacts/contactstest/a.go --\npackage contactstest\nimport _ \"example.test/suite/internal/testkit\"\n", "imports example.test/suite/internal/testkit"},
				{"teaches the frame a domain", "-- internal/porttest/a.go --\npackage porttest\nimport _ \"example.test/suite/contacts\"\n", "knows no domain"},
			},
		},
		{
			name: "nothing that a user links pulls in a test library",
			check: eachImport(func(t *tree, f *file, imported string) string {
				if f.pkg.isTestKit() || withinAny(f.pkg.path, tooling...) {
					return ""
				}
				if target, own := t.own(imported); own {
					if p := t.find(target); p != nil && p.isTestKit() {
						return "it is for tests"
					}
				}
				return refuse(withinAny(imported, testLibraries...), "it is for tests")
			}),
			saboteurs: []saboteur{
				{"tests itself", "-- contacts/t.go --\npackage contacts\nimport _ \"testing\"\n", "contacts/t.go: imports testing"},
				{"links a suite", "-- adapters/memory/t.go --\npackage memory\nimport _ \"example.test/suite/contacts/contactstest\"\n", "imports example.test/suite/contacts/contactstest"},
				{"links the frame of suites", "-- adapters/memory/t.go --\npackage memory\nimport _ \"example.test/suite/internal/porttest\"\n-- internal/porttest/p.go --\npackage porttest\n", "imports example.test/suite/internal/porttest"},
			},
		},
		{
			name: "examples import public packages only",
			check: eachImport(func(t *tree, f *file, imported string) string {
				target, own := t.own(imported)
				return refuse(own && within(f.pkg.path, "examples") && withinAny(target, "internal"), "a reader's program can't import it")
			}, withTests),
			saboteurs: []saboteur{
				{"reaches inside", "-- examples/quickstart/main.go --\npackage main\nimport _ \"example.test/suite/internal/testkit\"\nfunc main() {}\n", "imports example.test/suite/internal/testkit"},
				{"reaches inside from a test", "-- examples/quickstart/main_test.go --\npackage main\nimport _ \"example.test/suite/internal/testkit\"\n", "main_test.go: imports"},
			},
		},
		{
			name: "no package uses unsafe, cgo or a dot import",
			check: func(t *tree) []string {
				found := eachImport(func(_ *tree, _ *file, imported string) string {
					return refuse(imported == "unsafe" || imported == "C", "the suite is plain Go")
				}, withTests)(t)
				for _, p := range t.packages {
					for _, f := range p.all() {
						for _, spec := range f.syntax.Imports {
							if spec.Name != nil && spec.Name.Name == "." {
								found = append(found, finding(t.at(spec.Pos()), "a dot import hides where names come from"))
							}
						}
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"casts a pointer", "-- contacts/fast.go --\npackage contacts\nimport _ \"unsafe\"\n", "contacts/fast.go: imports unsafe"},
				{"calls C", "-- contacts/c.go --\npackage contacts\nimport \"C\"\n", "imports C"},
				{"imports with a dot", "-- contacts/dot.go --\npackage contacts\nimport . \"strings\"\n", "a dot import"},
			},
		},
	}
}

type importOption int

const withTests importOption = iota

// eachImport makes a check of what is wrong with each import of each file,
// without tests unless told.
func eachImport(wrong func(t *tree, f *file, imported string) string, options ...importOption) func(*tree) []string {
	return func(t *tree) []string {
		var found []string
		for _, p := range t.packages {
			files := p.files
			if len(options) > 0 {
				files = p.all()
			}
			for _, f := range files {
				for _, imported := range f.imports() {
					if why := wrong(t, f, imported); why != "" {
						found = append(found, finding(f.path, "imports %s: %s", imported, why))
					}
				}
			}
		}
		return found
	}
}

func refuse(wrong bool, why string) string {
	if wrong {
		return why
	}
	return ""
}

// standard reports whether an import path is the standard library's: its first
// element has no dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// unversioned is an import path without its major version.
func unversioned(imported string) string {
	segments := strings.Split(imported, "/")
	for i, s := range segments {
		if len(s) > 1 && s[0] == 'v' && strings.Trim(s[1:], "0123456789") == "" {
			return strings.Join(append(segments[:i:i], segments[i+1:]...), "/")
		}
	}
	return imported
}
