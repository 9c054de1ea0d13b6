package archtest

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func conductRules() []rule {
	return []rule{
		{
			name: "no package has an init function",
			check: func(t *tree) []string {
				return eachFunc(t, func(f *file, fn *ast.FuncDecl) string {
					return refuse(fn.Recv == nil && fn.Name.Name == "init", "init: importing a package has no effects")
				})
			},
			saboteurs: []saboteur{
				{"registers itself", "-- contacts/init.go --\npackage contacts\nfunc init() {}\n", "contacts/init.go:2: init"},
			},
		},
		{
			name: "no package keeps state in its variables",
			check: func(t *tree) []string {
				var found []string
				for _, p := range t.packages {
					if !p.isTooling() {
						found = append(found, packageState(t, p)...)
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"keeps a registry", "-- contacts/reg.go --\npackage contacts\nvar kinds = map[string]int{}\nfunc Register(k string) { kinds[k] = 1 }\n", "contacts/reg.go:3: kinds is changed"},
				{"keeps it in another file", "-- contacts/reg.go --\npackage contacts\nvar kinds []string\n-- contacts/use.go --\npackage contacts\nfunc Register(k string) { kinds = append(kinds, k) }\n", "contacts/use.go:2: kinds is changed"},
				{"guards it by a lock", "-- contacts/reg.go --\npackage contacts\nimport \"sync\"\nvar mu sync.RWMutex\n", "mu is a sync.RWMutex"},
				{"opens it to everyone", "-- contacts/reg.go --\npackage contacts\nvar Kinds = map[string]int{\"a\": 1}\n", "Kinds is a map"},
			},
		},
		{
			name: "constructors start no goroutine",
			check: func(t *tree) []string {
				return eachFunc(t, func(f *file, fn *ast.FuncDecl) string {
					constructor := fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "New") || strings.HasPrefix(fn.Name.Name, "Open"))
					if f.pkg.isTooling() || f.pkg.isTestKit() || !constructor || fn.Body == nil {
						return ""
					}
					starts := false
					ast.Inspect(fn.Body, func(n ast.Node) bool {
						_, isGo := n.(*ast.GoStmt)
						_, isLiteral := n.(*ast.FuncLit)
						starts = starts || isGo
						return !isLiteral
					})
					return refuse(starts, fn.Name.Name+" starts a goroutine: work begins in Run")
				})
			},
			saboteurs: []saboteur{
				{"polls from New", "-- contacts/loop.go --\npackage contacts\nfunc NewLoop() { go func() {}() }\n", "NewLoop starts a goroutine"},
			},
		},
		{
			name: "only examples read the environment, flags and arguments",
			check: forbidden{
				uses: map[string]string{
					"os": "Getenv LookupEnv Environ ExpandEnv Setenv Unsetenv Args", "flag": "*", "syscall": "Getenv Environ",
				},
				except: func(f *file) bool { return withinAny(f.pkg.path, tooling...) },
				why:    "the host configures the suite in code",
			}.check,
			saboteurs: []saboteur{
				{"reads a variable", "-- adapters/memory/env.go --\npackage memory\nimport \"os\"\nvar debug = os.Getenv(\"DEBUG\")\n", "env.go:3: os.Getenv"},
				{"reads it under another name", "-- adapters/memory/env.go --\npackage memory\nimport sys \"os\"\nvar debug, _ = sys.LookupEnv(\"DEBUG\")\n", "os.LookupEnv"},
				{"parses flags", "-- adapters/memory/env.go --\npackage memory\nimport \"flag\"\nvar debug = flag.Bool(\"debug\", false, \"\")\n", "flag.Bool"},
			},
		},
		{
			name: "only the clocks read the time",
			check: forbidden{
				uses: map[string]string{"time": "Now Since Until"},
				except: func(f *file) bool {
					// SystemClock is the machine's; bunstore.Clock measures its
					// distance from the database's.
					return withinAny(f.pkg.path, tooling...) || f.path == "clock.go" || f.path == "adapters/bunstore/clock.go"
				},
				why: "take it from an engage.Clock",
			}.check,
			saboteurs: []saboteur{
				{"looks at the wall", "-- contacts/now.go --\npackage contacts\nimport \"time\"\nfunc now() time.Time { return time.Now() }\n", "contacts/now.go:3: time.Now"},
				{"measures an age", "-- contacts/now.go --\npackage contacts\nimport \"time\"\nvar age = time.Since(time.Time{})\n", "time.Since"},
			},
		},
		{
			name: "no SQL statement reads a clock",
			check: func(t *tree) []string {
				return eachLiteral(t, func(f *file, text string) string {
					if f.path == "adapters/bunstore/clock.go" {
						return ""
					}
					if m := sqlClock.FindString(text); m != "" {
						return m + " in a statement: every instant is an argument"
					}
					return ""
				})
			},
			saboteurs: []saboteur{
				{"stamps in the database", "-- adapters/bunstore/sql.go --\npackage bunstore\nconst q = `UPDATE t SET at = NOW() WHERE id = ?`\n", "sql.go:2: NOW()"},
				{"has a default", "-- adapters/bunstore/sql.go --\npackage bunstore\nconst q = `CREATE TABLE t (at TEXT DEFAULT CURRENT_TIMESTAMP)`\n", "CURRENT_TIMESTAMP"},
			},
		},
		{
			name: "nothing sleeps, tests included, but in a synctest bubble",
			check: forbidden{
				uses: map[string]string{"time": "Sleep"},
				except: func(f *file) bool {
					return withinAny(f.pkg.path, "internal") || slices.Contains(f.imports(), "testing/synctest")
				},
				why:   "wait for a signal, a timer with ctx, or move a manual clock",
				tests: true,
			}.check,
			saboteurs: []saboteur{
				{"waits and hopes", "-- contacts/wait_test.go --\npackage contacts\nimport \"time\"\nfunc wait() { time.Sleep(time.Second) }\n", "wait_test.go:3: time.Sleep"},
			},
		},
		{
			name: "only netguard dials",
			check: func(t *tree) []string {
				found := forbidden{
					uses: map[string]string{
						"net": "Dial DialTimeout DialTCP DialUDP DialIP DialUnix Dialer Resolver DefaultResolver " +
							"LookupAddr LookupCNAME LookupHost LookupIP LookupMX LookupNS LookupPort LookupSRV LookupTXT " +
							"ResolveIPAddr ResolveTCPAddr ResolveUDPAddr",
						"crypto/tls": "Dial DialWithDialer Dialer",
						"net/http":   "DefaultClient DefaultTransport Get Head Post PostForm Transport",
						"net/rpc":    "*", "net/smtp": "*", "net/http/httputil": "ReverseProxy NewSingleHostReverseProxy",
						"syscall": "Socket Connect", "golang.org/x/sys/unix": "*", "golang.org/x/net/proxy": "*",
					},
					except: mayDial,
					why:    "a tenant may have named the host: take a netguard.Policy",
				}.check(t)
				for _, p := range t.packages {
					for _, f := range p.files {
						if !mayDial(f) {
							found = append(found, bareClients(t, f)...)
						}
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"dials", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net\"\nvar c, _ = net.Dial(\"tcp\", \"x:1\")\n", "t.go:3: net.Dial"},
				{"dials under another name", "-- adapters/twilio/t.go --\npackage twilio\nimport wire \"net\"\nvar d wire.Dialer\n", "t.go:3: net.Dialer"},
				{"dials under no name", "-- adapters/twilio/t.go --\npackage twilio\nimport . \"net\"\nvar c, _ = Dial(\"tcp\", \"x:1\")\n", "t.go:2: net under no name"},
				{"dials with TLS", "-- adapters/twilio/t.go --\npackage twilio\nimport \"crypto/tls\"\nvar c, _ = tls.Dial(\"tcp\", \"x:1\", nil)\n", "tls.Dial"},
				{"dials a socket", "-- adapters/twilio/t.go --\npackage twilio\nimport \"syscall\"\nvar c = syscall.Connect\n", "syscall.Connect"},
				{"mails with the standard library", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net/smtp\"\nvar send = smtp.SendMail\n", "smtp.SendMail"},
				{"resolves before it dials", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net\"\nvar find = net.DefaultResolver.LookupHost\n", "net.DefaultResolver"},
				{"looks a mail server up", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net\"\nvar find = net.LookupMX\n", "net.LookupMX"},
				{"gets", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net/http\"\nvar get = http.Get\n", "http.Get"},
				{"shares a client", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net/http\"\nvar c = http.DefaultClient\n", "http.DefaultClient"},
				{"has a transport of its own", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net/http\"\nvar c = &http.Client{Transport: &http.Transport{}}\n", "t.go:3: http.Transport"},
				{"has a client that dials", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net/http\"\nvar c = &http.Client{}\n", "http.Client without a Transport"},
				{"has one under another name", "-- adapters/twilio/t.go --\npackage twilio\nimport web \"net/http\"\nvar c = &web.Client{Timeout: 1}\n", "http.Client without a Transport"},
				{"has one by its zero value", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net/http\"\ntype T struct{ c http.Client }\n", "http.Client without a Transport"},
				{"makes one", "-- adapters/twilio/t.go --\npackage twilio\nimport \"net/http\"\nvar c = new(http.Client)\n", "http.Client without a Transport"},
				{"mails around the guard", "-- adapters/smtpmail/s.go --\npackage smtpmail\nimport \"net\"\nvar d net.Dialer\n", "s.go:3: net.Dialer"},
			},
		},
		{
			name: "nothing prints, exits or logs outside slog",
			check: forbidden{
				uses: map[string]string{
					"os": "Exit Stdout Stderr Stdin", "fmt": "Print Println Printf", "log": "*", "log/slog": "Default SetDefault Info Warn Error Debug",
				},
				except: func(f *file) bool { return f.pkg.isTooling() },
				why:    "the process is the host's: answer an error, log to the runtime's logger",
			}.check,
			saboteurs: []saboteur{
				{"gives up", "-- contacts/die.go --\npackage contacts\nimport \"log\"\nfunc die() { log.Fatal(1) }\n", "log.Fatal"},
				{"logs to the default logger", "-- contacts/die.go --\npackage contacts\nimport \"log/slog\"\nfunc say() { slog.Info(\"\") }\n", "slog.Info"},
			},
		},
	}
}

// forbidden are identifiers of other packages that only some files may use.
type forbidden struct {
	uses   map[string]string // import path → names, or "*"
	except func(*file) bool
	why    string
	tests  bool // whether tests are held to it too
}

func (rule forbidden) check(t *tree) []string {
	var found []string
	for _, p := range t.packages {
		files := p.files
		if rule.tests {
			files = p.all()
		}
		for _, f := range files {
			if rule.except(f) {
				continue
			}
			f.uses(func(pos token.Pos, imported, name string) {
				if names := strings.Fields(rule.uses[imported]); slices.Contains(names, name) || slices.Contains(names, "*") {
					found = append(found, finding(t.at(pos), "%s.%s: %s", imported[strings.LastIndex(imported, "/")+1:], name, rule.why))
				}
			})
		}
	}
	return found
}

// eachFunc makes findings of what is wrong with each function, without tests.
func eachFunc(t *tree, wrong func(*file, *ast.FuncDecl) string) []string {
	var found []string
	for _, p := range t.packages {
		for _, f := range p.files {
			for _, decl := range f.syntax.Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok {
					if why := wrong(f, fn); why != "" {
						found = append(found, finding(t.at(fn.Pos()), "%s", why))
					}
				}
			}
		}
	}
	return found
}

// sqlClock matches what databases call the current time.
var sqlClock = regexp.MustCompile(`(?i)\b(current_(timestamp|time|date)|localtimestamp|(now|sysdate|clock_timestamp|statement_timestamp|transaction_timestamp|utc_timestamp|unix_timestamp|getdate)\(\)|(datetime|strftime|unixepoch|julianday)\([^)]*'now')`)

// eachLiteral makes findings of what is wrong with each string literal of the
// code that users link.
func eachLiteral(t *tree, wrong func(f *file, text string) string) []string {
	var found []string
	for _, p := range t.packages {
		if p.isTooling() {
			continue
		}
		for _, f := range p.files {
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					if why := wrong(f, literal.Value); why != "" {
						found = append(found, finding(t.at(literal.Pos()), "%s", why))
					}
				}
				return true
			})
		}
	}
	return found
}

// mayDial reports whether a file is netguard's, or of programs and tests.
func mayDial(f *file) bool { return f.pkg.isTooling() || f.pkg.path == "adapters/netguard" }

// bareClients finds HTTP clients that would dial through the default transport:
// values that are not made with a Transport. A pointer may lead to one that was.
func bareClients(t *tree, f *file) []string {
	var found []string
	safe := map[ast.Expr]bool{}
	web := ""
	for _, spec := range f.syntax.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		switch name := localName(spec, imported); {
		case name == "." && withinAny(imported, "net", "crypto/tls"):
			found = append(found, finding(t.at(spec.Pos()), "%s under no name hides who dials", imported))
		case imported == "net/http":
			web = name
		}
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StarExpr:
			safe[n.X] = true
		case *ast.CompositeLit:
			safe[n.Type] = slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
				pair, ok := e.(*ast.KeyValueExpr)
				return ok && isIdent(pair.Key, "Transport")
			})
		case *ast.SelectorExpr:
			if web != "" && isSelector(n, web, "Client") && !safe[n] {
				found = append(found, finding(t.at(n.Pos()), "http.Client without a Transport: a tenant may have named the host: take a netguard.Policy"))
			}
		}
		return true
	})
	return found
}

// packageState finds package variables that hold state: those that a function
// changes, locks and their like, and exported maps and slices.
func packageState(t *tree, p *pkg) []string {
	var found []string
	variables := map[string]*ast.ValueSpec{}
	for _, f := range p.files {
		for _, decl := range f.syntax.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				spec := spec.(*ast.ValueSpec)
				for i, name := range spec.Names {
					variables[name.Name] = spec
					if why := stateful(spec, i); why != "" {
						found = append(found, finding(t.at(name.Pos()), "%s is %s: state belongs to a value that the host makes", name.Name, why))
					}
				}
			}
		}
	}
	changed := func(target ast.Expr) {
		name := base(target)
		if name == nil || variables[name.Name] == nil || name.Name == "_" {
			return
		}
		if name.Obj == nil || name.Obj.Decl == variables[name.Name] {
			found = append(found, finding(t.at(name.Pos()), "%s is changed: state belongs to a value that the host makes", name.Name))
		}
	}
	for _, f := range p.files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, target := range n.Lhs {
						changed(target)
					}
				}
			case *ast.IncDecStmt:
				changed(n.X)
			case *ast.CallExpr:
				if (isIdent(n.Fun, "delete") || isIdent(n.Fun, "clear")) && len(n.Args) > 0 {
					changed(n.Args[0])
				}
			}
			return true
		})
	}
	return found
}

// stateful words what makes a variable state by its declaration alone.
func stateful(spec *ast.ValueSpec, i int) string {
	declared := spec.Type
	if i < len(spec.Values) {
		if literal, ok := spec.Values[i].(*ast.CompositeLit); ok {
			declared = literal.Type
		}
	}
	switch declared := declared.(type) {
	case *ast.SelectorExpr:
		// A sync.Pool holds nothing that anyone relies on.
		if x, ok := declared.X.(*ast.Ident); ok && (x.Name == "sync" && declared.Sel.Name != "Pool" || x.Name == "atomic") {
			return "a " + x.Name + "." + declared.Sel.Name
		}
	case *ast.MapType:
		if spec.Names[i].IsExported() {
			return "a map that everyone may change"
		}
	case *ast.ArrayType:
		if spec.Names[i].IsExported() && declared.Len == nil {
			return "a slice that everyone may change"
		}
	}
	return ""
}

// base is the identifier that an assignable expression begins with.
func base(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

func isIdent(e ast.Expr, name string) bool {
	ident, ok := e.(*ast.Ident)
	return ok && ident.Name == name
}

func isSelector(e ast.Expr, x, name string) bool {
	selector, ok := e.(*ast.SelectorExpr)
	return ok && isIdent(selector.X, x) && selector.Sel.Name == name
}
