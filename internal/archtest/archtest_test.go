package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// rule is one sentence about the source. check answers what breaks it, each as
// "place: what is wrong".
type rule struct {
	name      string
	check     func(*tree) []string
	saboteurs []saboteur
}

// saboteur is a change of testdata/clean.txtar that breaks a rule; want is a
// part of what the rule then says. An empty file in files is removed.
type saboteur struct {
	name  string
	files string // "-- path --" lines, each before a file's content
	want  string
}

func rules() []rule {
	return slices.Concat(importRules(), conductRules(), shapeRules(), docRules(), moduleRules(), wordRules())
}

const moduleRoot = "../.."

func TestTheModuleKeepsEveryRule(t *testing.T) {
	t.Parallel()
	module := mustLoad(t, os.DirFS(moduleRoot))
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, finding := range r.check(module) {
				t.Error(finding)
			}
		})
	}
}

func TestTheCleanTreeKeepsEveryRule(t *testing.T) {
	t.Parallel()
	clean := mustLoad(t, cleanTree(t))
	for _, r := range rules() {
		for _, finding := range r.check(clean) {
			t.Errorf("%s: %s", r.name, finding)
		}
	}
}

func TestEveryRuleCatchesItsSaboteurs(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if len(r.saboteurs) == 0 {
				t.Error("this rule has no saboteur")
			}
			for _, s := range r.saboteurs {
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					source := cleanTree(t)
					for name, content := range parseFiles(s.files) {
						if source[name] = content; len(content.Data) == 0 {
							delete(source, name)
						}
					}
					findings := r.check(mustLoad(t, source))
					if !slices.ContainsFunc(findings, func(f string) bool { return strings.Contains(f, s.want) }) {
						t.Errorf("no finding says %q; got %q", s.want, findings)
					}
				})
			}
		})
	}
}

func mustLoad(t *testing.T, source fs.FS) *tree {
	t.Helper()
	loaded, err := load(source)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.module == "" {
		t.Fatal("found no go.mod with a module line")
	}
	return loaded
}

func cleanTree(t *testing.T) fstest.MapFS {
	t.Helper()
	clean, err := os.ReadFile("testdata/clean.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return parseFiles(string(clean))
}

var fileMarker = regexp.MustCompile(`(?m)^-- (\S+) --\n`)

// parseFiles reads a txtar archive.
func parseFiles(archive string) fstest.MapFS {
	files := fstest.MapFS{}
	marks := fileMarker.FindAllStringSubmatchIndex(archive, -1)
	for i, mark := range marks {
		end := len(archive)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		files[archive[mark[2]:mark[3]]] = &fstest.MapFile{Data: []byte(archive[mark[1]:end])}
	}
	return files
}

// finding words one finding.
func finding(place, format string, args ...any) string {
	return place + ": " + fmt.Sprintf(format, args...)
}
