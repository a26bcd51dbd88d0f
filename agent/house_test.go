package main_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The caps of the house style. Past them a file or a function wants splitting.
const (
	maxFileLines = 600
	maxFuncLines = 80
)

// vagueNames say nothing about what a package promises: a helper used twice lives with its better owner.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "type", "types", "misc", "shared", "lib"}

// wellKnown are methods whose contract is Go's own.
var wellKnown = []string{"Error", "String", "Unwrap"}

// house is what was found wrong in a set of Go files, each with its place.
type house struct {
	files    *token.FileSet
	problems []string
	packages map[string]*packageSeen // by folder
}

// packageSeen gathers what only all files of a package together can tell.
type packageSeen struct {
	at  token.Position
	doc bool
}

func newHouse() *house {
	return &house{files: token.NewFileSet(), packages: map[string]*packageSeen{}}
}

func (h *house) wrong(at token.Pos, format string, args ...any) {
	p := h.files.Position(at)
	h.problems = append(h.problems, fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...)))
}

// file checks one Go file; name is its path below the module's root, with slashes.
func (h *house) file(name string, src []byte) error {
	f, err := parser.ParseFile(h.files, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil || ast.IsGenerated(f) {
		return err
	}
	if lines := bytes.Count(src, []byte("\n")); lines > maxFileLines {
		h.wrong(f.Package, "%d lines: a file past %d wants splitting", lines, maxFileLines)
	}
	if slices.Contains(vagueNames, f.Name.Name) {
		h.wrong(f.Name.Pos(), "a package called %q says nothing: what is in it lives with its better owner", f.Name.Name)
	}
	isTest := strings.HasSuffix(name, "_test.go")
	if !isTest {
		h.notePackage(path.Dir(name), f)
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			h.function(d, isTest)
		case *ast.GenDecl:
			if !isTest {
				h.declaration(d)
			}
		}
	}
	return nil
}

func (h *house) notePackage(dir string, f *ast.File) {
	seen := h.packages[dir]
	if seen == nil {
		seen = &packageSeen{at: h.files.Position(f.Package)}
		h.packages[dir] = seen
	}
	if f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != "" {
		seen.doc = true
	}
}

func (h *house) function(d *ast.FuncDecl, isTest bool) {
	first, last := h.files.Position(d.Pos()).Line, h.files.Position(d.End()).Line
	if lines := last - first + 1; lines > maxFuncLines {
		h.wrong(d.Pos(), "%s has %d lines: a function past %d wants splitting", d.Name.Name, lines, maxFuncLines)
	}
	if d.Recv == nil && d.Name.Name == "init" {
		h.wrong(d.Pos(), "init hides what happens when: call it by name from where it is needed")
	}
	if isTest || !d.Name.IsExported() || d.Recv != nil && (!ast.IsExported(receiver(d)) || slices.Contains(wellKnown, d.Name.Name)) {
		return
	}
	if !hasText(d.Doc) {
		h.wrong(d.Pos(), "exported %s has no doc comment", d.Name.Name)
	}
}

// receiver is the name of a method's type.
func receiver(d *ast.FuncDecl) string {
	x := d.Recv.List[0].Type
	for {
		switch t := x.(type) {
		case *ast.StarExpr:
			x = t.X
		case *ast.IndexExpr:
			x = t.X
		case *ast.IndexListExpr:
			x = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

func (h *house) declaration(d *ast.GenDecl) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && !hasText(d.Doc) && !hasText(s.Doc) {
				h.wrong(s.Pos(), "exported type %s has no doc comment", s.Name.Name)
			}
		case *ast.ValueSpec:
			h.values(d, s)
		}
	}
}

func (h *house) values(d *ast.GenDecl, s *ast.ValueSpec) {
	for i, n := range s.Names {
		if !n.IsExported() {
			continue
		}
		if !hasText(d.Doc) && !hasText(s.Doc) && !hasText(s.Comment) {
			h.wrong(n.Pos(), "exported %s has no doc comment, and neither has its group", n.Name)
		}
		if d.Tok == token.VAR && !isFixed(n.Name, s, i) && !isEmbedded(d.Doc) && !isEmbedded(s.Doc) {
			h.wrong(n.Pos(), "exported variable %s can be changed from anywhere: make it a field, a function or a constant", n.Name)
		}
	}
}

// isFixed reports whether a variable is one only because Go has no such constants: an error sentinel, or the value
// that describes a binding.
func isFixed(name string, s *ast.ValueSpec, i int) bool {
	if strings.HasPrefix(name, "Err") {
		return true
	}
	if i >= len(s.Values) {
		return false
	}
	literal, ok := s.Values[i].(*ast.CompositeLit)
	if !ok {
		return false
	}
	of, ok := literal.Type.(*ast.SelectorExpr)
	return ok && name == "Binding" && of.Sel.Name == "Binding"
}

// isEmbedded reports whether a variable is filled by the compiler. Directives are no text of a comment.
func isEmbedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

func hasText(doc *ast.CommentGroup) bool { return doc != nil && strings.TrimSpace(doc.Text()) != "" }

// finish adds what only whole packages can tell.
func (h *house) finish() []string {
	for _, p := range h.packages {
		if !p.doc {
			h.problems = append(h.problems, fmt.Sprintf("%s:%d: the package has no doc comment in any file", p.at.Filename, p.at.Line))
		}
	}
	slices.Sort(h.problems)
	return h.problems
}

func TestTheHouseIsInOrder(t *testing.T) {
	h, n := newHouse(), 0
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != ".." && (slices.Contains([]string{"testdata", "node_modules", "bin"}, d.Name()) || strings.HasPrefix(d.Name(), ".")) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		n++
		return h.file(filepath.ToSlash(strings.TrimPrefix(name, ".."+string(filepath.Separator))), src)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 100 {
		t.Fatalf("only %d files were seen", n)
	}
	for _, p := range h.finish() {
		t.Error(p)
	}
}

// The rules themselves are tried on files that break them.
func TestDisorderIsFound(t *testing.T) {
	long := strings.Repeat("\n", maxFuncLines)
	for name, tc := range map[string]struct{ src, want string }{
		"long file":       {"// Package x is.\npackage x\n" + strings.Repeat("\n", maxFileLines), "x/x.go:2: 602 lines"},
		"long function":   {"// Package x is.\npackage x\n\nfunc f() {" + long + "}\n", "x/x.go:4: f has 81 lines"},
		"no package doc":  {"package x\n", "x/x.go:1: the package has no doc comment"},
		"only directives": {"//go:build x\n\n//go:generate y\npackage x\n", "x/x.go:4: the package has no doc comment"},
		"init":            {"// Package x is.\npackage x\n\nfunc init() {}\n", "x/x.go:4: init hides"},
		"vague name":      {"// Package util is.\npackage util\n", `x/x.go:2: a package called "util"`},
		"func":            {"// Package x is.\npackage x\n\nfunc F() {}\n", "x/x.go:4: exported F has no doc"},
		"type":            {"// Package x is.\npackage x\n\ntype T int\n", "x/x.go:4: exported type T has no doc"},
		"method":          {"// Package x is.\npackage x\n\n// T is.\ntype T[A any] int\n\nfunc (t *T[A]) M() {}\n\nfunc (t *T[A]) String() {}\n", "x/x.go:7: exported M has no doc"},
		"const":           {"// Package x is.\npackage x\n\nconst (\n\tc = 1\n\tC = 2\n)\n", "x/x.go:6: exported C has no doc"},
		"variable":        {"// Package x is.\npackage x\n\n// V is.\nvar V = 1\n", "x/x.go:5: exported variable V can be changed"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse()
			if err := h.file("x/x.go", []byte(tc.src)); err != nil {
				t.Fatal(err)
			}
			if got := h.finish(); len(got) != 1 || !strings.HasPrefix(got[0], tc.want) {
				t.Errorf("got %q, want %q...", got, tc.want)
			}
		})
	}
	h := newHouse()
	const fine = "// Package x is.\npackage x\n\n// Errors.\nvar (\n\tErrA = 1\n)\n\n// Binding is.\nvar Binding = b.Binding{}\n\n" +
		"// Files are.\n//\n//go:embed *.lua\nvar Files embed.FS\n\n// C.\nconst (\n\tC = 1\n)\n\ntype t int\n\nfunc (t) M() {}\n"
	if err := h.file("x/x.go", []byte(fine)); err != nil {
		t.Fatal(err)
	}
	if got := h.finish(); len(got) != 0 {
		t.Errorf("fault was found in what is in order: %q", got)
	}
}
