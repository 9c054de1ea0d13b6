package archtest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite dependencies.txt")

// floors are the lowest versions without a known fault that reaches the suite.
// They hold for modules that go.mod names; "go" is the toolchain.
var floors = map[string]string{
	"go":                                     "1.26.6", // net/mail, html/template, encoding/xml depth, net/textproto
	"golang.org/x/net":                       "0.55.0", // html: four injections through parse and render, quadratic time
	"golang.org/x/image":                     "0.45.0", // TIFF and WebP decoding
	"github.com/jackc/pgx/v5":                "5.9.2",
	"github.com/uptrace/bun/driver/pgdriver": "1.2.15",
	"github.com/microcosm-cc/bluemonday":     "1.0.16",
	"github.com/yuin/goldmark":               "1.7.17",
	"github.com/redis/go-redis/v9":           "9.7.3",
	"github.com/xuri/excelize/v2":            "2.11.0",
	"github.com/go-chi/chi/v5":               "5.3.0", // RealIP took a client's word
	"github.com/wneessen/go-mail":            "0.7.1",
}

func moduleRules() []rule {
	return []rule{
		{
			name: "the repository is one module without tools, replacements or exclusions",
			check: func(t *tree) []string {
				var found []string
				for name := range t.files {
					if path.Base(name) == "go.mod" && name != "go.mod" {
						found = append(found, finding(name, "a second module: its users would have to match versions"))
					}
				}
				for _, directive := range regexp.MustCompile(`(?m)^(tool|replace|exclude)\b.*`).FindAllString(string(t.files["go.mod"]), -1) {
					found = append(found, finding("go.mod", "%q: users would inherit or miss it; tools are pinned in .ci/tools.mod", directive))
				}
				return found
			},
			saboteurs: []saboteur{
				{"nests a module", "-- adapters/fcm/go.mod --\nmodule x\n", "adapters/fcm/go.mod: a second module"},
				{"pins a tool", "-- go.mod --\nmodule example.test/suite\n\ngo 1.26.6\n\ntool example.test/x\n", "tool example.test/x"},
			},
		},
		{
			name: "go.mod asks for no version below its security floor",
			check: func(t *tree) []string {
				var found []string
				versions := requirements(t.files["go.mod"])
				for _, module := range slices.Sorted(maps.Keys(floors)) {
					if got, ok := versions[module]; ok && compareVersions(got, floors[module]) < 0 {
						found = append(found, finding("go.mod", "%s %s has known faults: want %s or later", module, got, floors[module]))
					}
				}
				return found
			},
			saboteurs: []saboteur{
				{"stays on an old toolchain", "-- go.mod --\nmodule example.test/suite\n\ngo 1.26.5\n", "go 1.26.5 has known faults"},
				{"goes back", "-- go.mod --\nmodule example.test/suite\n\ngo 1.26.6\n\nrequire github.com/jackc/pgx/v5 v5.9.1\n", "pgx/v5 5.9.1"},
				{"goes back indirectly", "-- go.mod --\nmodule example.test/suite\n\ngo 1.26.6\n\nrequire (\n\tgolang.org/x/net v0.54.9 // indirect\n)\n", "x/net 0.54.9"},
				{"takes a version before the release", "-- go.mod --\nmodule example.test/suite\n\ngo 1.26.6\n\nrequire golang.org/x/net v0.55.0-rc.1\n", "x/net 0.55.0-rc.1"},
			},
		},
	}
}

// requirements are the versions that a go.mod names, without their "v"; "go" is
// the higher of its go and toolchain lines.
func requirements(goMod []byte) map[string]string {
	versions := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(?:\trequire |require |\t)?(\S+) v(\d\S*)`).FindAllSubmatch(goMod, -1) {
		versions[string(m[1])] = string(m[2])
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:go |toolchain go)(\S+)`).FindAllSubmatch(goMod, -1) {
		if compareVersions(string(m[1]), versions["go"]) > 0 {
			versions["go"] = string(m[1])
		}
	}
	return versions
}

// compareVersions orders versions by their numbers; one with a pre-release is
// below the one without.
func compareVersions(a, b string) int {
	numbers := func(v string) (parts [3]int, release bool) {
		v, _, _ = strings.Cut(v, "+")
		core, _, pre := strings.Cut(v, "-")
		for i, s := range strings.SplitN(core, ".", 3) {
			parts[i], _ = strconv.Atoi(s)
		}
		return parts, !pre
	}
	x, xRelease := numbers(a)
	y, yRelease := numbers(b)
	if c := slices.Compare(x[:], y[:]); c != 0 || xRelease == yRelease {
		return c
	}
	if xRelease {
		return 1
	}
	return -1
}

const allowList = "dependencies.txt"

const allowListHead = `# The modules that each package links, with everything beneath it, on linux/amd64
# without cgo. A package without a line below it needs the standard library alone.
# After a change that is meant: go test ./internal/archtest -update
`

func TestEachPackageLinksTheModulesOfTheAllowListAndNoOthers(t *testing.T) {
	t.Parallel()
	packages, err := listPackages(t.Context(), moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	linked := linkedModules(packages)
	if *update {
		if err := os.WriteFile(allowList, []byte(formatAllowList(linked)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	allowed, err := os.ReadFile(allowList)
	if err != nil {
		t.Fatal(err)
	}
	for _, difference := range compareAllowList(parseAllowList(string(allowed)), linked) {
		t.Error(difference)
	}
}

func TestTheAllowListNoticesWhatComesAndGoes(t *testing.T) {
	t.Parallel()
	const own = "example.test/suite"
	module := func(name string) *listedModule { return &listedModule{Path: name} }
	packages := []listedPackage{
		{ImportPath: "fmt", Standard: true},
		{ImportPath: "dep.test/b/sub", Module: module("dep.test/b"), Imports: []string{"fmt"}},
		{ImportPath: "dep.test/a", Module: module("dep.test/a"), Imports: []string{"dep.test/b/sub"}},
		{ImportPath: own, Module: &listedModule{Path: own, Main: true}, Imports: []string{"fmt"}},
		{ImportPath: own + "/contacts", Module: &listedModule{Path: own, Main: true}, Imports: []string{own, "dep.test/a"}},
		{ImportPath: own + "/internal/x", Module: &listedModule{Path: own, Main: true}, Imports: []string{"dep.test/a"}},
	}
	linked := linkedModules(packages)
	want := allowListHead + "\n.\ncontacts\n\tdep.test/a\n\tdep.test/b\n"
	if got := formatAllowList(linked); got != want {
		t.Fatalf("the list reads\n%s\nwant\n%s", got, want)
	}
	if found := compareAllowList(parseAllowList(want), linked); len(found) > 0 {
		t.Errorf("the list disagrees with itself: %q", found)
	}
	for name, sabotage := range map[string]struct{ list, want string }{
		"a module too many":       {"\n.\ncontacts\n\tdep.test/a\n", "contacts: links dep.test/b, which dependencies.txt does not allow"},
		"a module gone":           {want + "\tdep.test/c\n", "contacts: dependencies.txt allows dep.test/c, which it no longer links"},
		"a package without entry": {"\n.\n", "contacts: is not in dependencies.txt"},
		"a package gone":          {want + "crm\n", "crm: is in dependencies.txt and no longer exists"},
	} {
		found := compareAllowList(parseAllowList(sabotage.list), linked)
		if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, sabotage.want) }) {
			t.Errorf("%s: no finding says %q; got %q", name, sabotage.want, found)
		}
	}
}

type listedPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Module     *listedModule
}

type listedModule struct {
	Path string
	Main bool
}

// listPackages asks the go command for the module's packages and all they
// import. What is linked may differ between platforms, so the platform is fixed.
func listPackages(ctx context.Context, dir string) ([]listedPackage, error) {
	command := exec.CommandContext(ctx, "go", "list", "-mod=readonly", "-deps", "-json=ImportPath,Standard,Imports,Module", "./...")
	command.Dir = dir
	command.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOFLAGS=")
	var faults bytes.Buffer
	command.Stderr = &faults
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, faults.Bytes())
	}
	var packages []listedPackage
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p listedPackage
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages, nil
		case err != nil:
			return nil, err
		}
		packages = append(packages, p)
	}
}

// linkedModules are the modules beneath each public package, sorted; "." is the
// root. The go command lists a package after all it imports.
func linkedModules(packages []listedPackage) map[string][]string {
	beneath := map[string]map[string]bool{}
	linked := map[string][]string{}
	for _, p := range packages {
		modules := map[string]bool{}
		for _, imported := range p.Imports {
			maps.Copy(modules, beneath[imported])
		}
		beneath[p.ImportPath] = modules
		switch {
		case p.Module == nil:
		case !p.Module.Main:
			modules[p.Module.Path] = true
		default:
			name := cmp.Or(strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, p.Module.Path), "/"), ".")
			if !withinAny(name, tooling...) {
				linked[name] = slices.Sorted(maps.Keys(modules))
			}
		}
	}
	return linked
}

func formatAllowList(linked map[string][]string) string {
	var b strings.Builder
	b.WriteString(allowListHead + "\n")
	for _, name := range slices.Sorted(maps.Keys(linked)) {
		b.WriteString(name + "\n")
		for _, module := range linked[name] {
			b.WriteString("\t" + module + "\n")
		}
	}
	return b.String()
}

func parseAllowList(text string) map[string][]string {
	allowed := map[string][]string{}
	var name string
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		switch module, indented := strings.CutPrefix(line, "\t"); {
		case line == "" || line[0] == '#':
		case indented:
			allowed[name] = append(allowed[name], module)
		default:
			name = line
			allowed[name] = nil
		}
	}
	return allowed
}

func compareAllowList(allowed, linked map[string][]string) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(linked)) {
		modules, listed := allowed[name]
		if !listed {
			found = append(found, finding(name, "is not in dependencies.txt: go test ./internal/archtest -update"))
			continue
		}
		for _, module := range linked[name] {
			if !slices.Contains(modules, module) {
				found = append(found, finding(name, "links %s, which dependencies.txt does not allow", module))
			}
		}
		for _, module := range modules {
			if !slices.Contains(linked[name], module) {
				found = append(found, finding(name, "dependencies.txt allows %s, which it no longer links", module))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(allowed)) {
		if _, exists := linked[name]; !exists {
			found = append(found, finding(name, "is in dependencies.txt and no longer exists"))
		}
	}
	return found
}
