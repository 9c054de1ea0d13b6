package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// tree is the source of a module: its files, and its packages in the order of
// their paths.
type tree struct {
	module   string
	files    map[string][]byte
	packages []*pkg
	fset     *token.FileSet
}

// pkg is one package. Its tests are the files of both test packages.
type pkg struct {
	path  string // below the module; "" is the root
	name  string
	files []*file
	tests []*file
}

// file is one parsed Go file.
type file struct {
	path      string
	pkg       *pkg
	syntax    *ast.File
	lines     int
	test      bool
	generated bool
}

// load reads a module. Go files under testdata, and in directories that begin
// with "_" or ".", are files of the tree but belong to no package, as for the go
// command.
func load(source fs.FS) (*tree, error) {
	t := &tree{files: map[string][]byte{}, fset: token.NewFileSet()}
	byPath := map[string]*pkg{}
	err := fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && ignored(name):
			return fs.SkipDir
		case entry.IsDir() || !entry.Type().IsRegular():
			return nil
		}
		content, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		t.files[name] = content
		if path.Ext(name) != ".go" || !buildable(path.Dir(name)) {
			return nil
		}
		return t.parse(byPath, name, content)
	})
	if err != nil {
		return nil, err
	}
	if m := regexp.MustCompile(`(?m)^module (\S+)`).FindSubmatch(t.files["go.mod"]); m != nil {
		t.module = string(m[1])
	}
	for _, p := range byPath {
		t.packages = append(t.packages, p)
	}
	slices.SortFunc(t.packages, func(a, b *pkg) int { return strings.Compare(a.path, b.path) })
	return t, nil
}

// ignored reports whether a directory is none of the project's: hidden ones but
// .ci, and /bin, which git ignores.
func ignored(dir string) bool {
	return dir == "bin" || dir != ".ci" && dir != "." && strings.HasPrefix(path.Base(dir), ".")
}

func buildable(dir string) bool {
	return !slices.ContainsFunc(strings.Split(dir, "/"), func(segment string) bool {
		return segment == "testdata" || segment[0] == '_' || segment[0] == '.' && segment != "."
	})
}

func (t *tree) parse(byPath map[string]*pkg, name string, content []byte) error {
	// Objects are resolved: the rule on package state tells a package's
	// variables from local ones by them.
	syntax, err := parser.ParseFile(t.fset, name, content, parser.ParseComments)
	if err != nil {
		return err
	}
	dir := strings.TrimPrefix(path.Dir(name), ".")
	p := byPath[dir]
	if p == nil {
		p = &pkg{path: dir}
		byPath[dir] = p
	}
	f := &file{
		path: name, pkg: p, syntax: syntax, lines: bytes.Count(content, []byte("\n")),
		test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(syntax),
	}
	if f.test {
		p.tests = append(p.tests, f)
		if p.name == "" {
			p.name = strings.TrimSuffix(syntax.Name.Name, "_test")
		}
		return nil
	}
	p.files = append(p.files, f)
	p.name = syntax.Name.Name
	return nil
}

// find is the package at a path, or nil.
func (t *tree) find(path string) *pkg {
	for _, p := range t.packages {
		if p.path == path {
			return p
		}
	}
	return nil
}

// own is the path below the module of one of its packages.
func (t *tree) own(importPath string) (string, bool) {
	if importPath == t.module {
		return "", true
	}
	return strings.CutPrefix(importPath, t.module+"/")
}

// all are the files with their tests.
func (p *pkg) all() []*file { return slices.Concat(p.files, p.tests) }

// title is the path as a person says it.
func (p *pkg) title() string {
	if p.path == "" {
		return "the root package"
	}
	return p.path
}

// imports are the import paths of a file.
func (f *file) imports() []string {
	var paths []string
	for _, spec := range f.syntax.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths = append(paths, imported)
		}
	}
	return paths
}

// localName is what a file calls an import.
func localName(spec *ast.ImportSpec, imported string) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	base := path.Base(imported)
	if regexp.MustCompile(`^v\d+$`).MatchString(base) {
		base = path.Base(path.Dir(imported))
	}
	return regexp.MustCompile(`\.v\d+$`).ReplaceAllString(base, "")
}

// uses calls visit with each identifier that a file takes of another package, as
// ("time", "Now").
func (f *file) uses(visit func(pos token.Pos, imported, name string)) {
	names := map[string]string{}
	for _, spec := range f.syntax.Imports {
		if imported, err := strconv.Unquote(spec.Path.Value); err == nil {
			names[localName(spec, imported)] = imported
		}
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && x.Obj == nil && names[x.Name] != "" {
				visit(selector.Pos(), names[x.Name], selector.Sel.Name)
			}
		}
		return true
	})
}

// at is a position as "path:line".
func (t *tree) at(pos token.Pos) string {
	p := t.fset.Position(pos)
	return p.Filename + ":" + strconv.Itoa(p.Line)
}

// within reports whether a path is dir or lies below it.
func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// withinAny is within for several directories or import paths.
func withinAny(name string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(dir string) bool { return within(name, dir) })
}
