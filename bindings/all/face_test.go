package all

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// face is a LuaCATS file, read: what its statements declare and what its comments say of them.
type face struct {
	module    comment             // the comment above "name = {}"
	names     []string            // of the module tables that it declares; one, when all is well
	functions map[string]function // "run", and "Child:read" for methods
	classes   map[string]class    // by their whole names, "process.Child"
	tables    map[string]string   // local table -> its class
	aliases   map[string]string   // name -> type
	values    map[string]comment  // constants
	examples  []example           // in all comments
	problems  []string            // what the reader itself cannot make sense of
}

type function struct {
	line    int
	names   []string // parameters, as the statement has them
	params  []tag
	returns []tag
	async   bool
	comment
}

type class struct {
	line   int
	parent string
	fields []tag
}

type example struct {
	line int
	code string
}

func (f *face) complain(line int, format string, args ...any) {
	f.problems = append(f.problems, fmt.Sprintf("%d: ", line)+fmt.Sprintf(format, args...))
}

// readFace reads a face's text: the statements with gopher-lua's own parser, the comments line by line.
func readFace(name, text string) *face {
	f := &face{
		functions: map[string]function{}, classes: map[string]class{}, tables: map[string]string{},
		aliases: map[string]string{}, values: map[string]comment{},
	}
	if !strings.HasPrefix(text, "---@meta\n\n") {
		f.complain(1, "a face begins with ---@meta and an empty line")
	}
	comments := f.comments(text)
	statements, err := parse.Parse(strings.NewReader(text), name)
	if err != nil {
		f.complain(0, "%v", err)
		return f
	}
	for _, s := range statements {
		f.statement(s, comments[s.Line()])
	}
	for _, line := range slices.Sorted(maps.Keys(comments)) {
		f.declare(comments[line])
		f.examples = append(f.examples, comments[line].examples...)
	}
	return f
}

// statement takes the four kinds of statements that a face is made of.
func (f *face) statement(s ast.Stmt, c comment) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		if len(s.Lhs) == 1 && len(s.Rhs) == 1 && isEmptyTable(s.Rhs[0]) {
			f.assign(s, c)
			return
		}
	case *ast.LocalAssignStmt:
		if classes := c.all("class"); len(s.Names) == 1 && len(s.Exprs) == 1 && isEmptyTable(s.Exprs[0]) && len(classes) == 1 {
			f.tables[s.Names[0]] = classes[0].name
			return
		}
	case *ast.FuncDefStmt:
		f.function(s, c)
		return
	}
	f.complain(s.Line(), "a face holds NAME = {}, NAME.VALUE = {}, a local table below its ---@class, and functions; this is none")
}

func (f *face) assign(s *ast.AssignStmt, c comment) {
	switch target := s.Lhs[0].(type) {
	case *ast.IdentExpr:
		f.names, f.module = append(f.names, target.Value), c
	case *ast.AttrGetExpr:
		table, name := dotted(target)
		if !slices.Contains(f.names, table) {
			f.complain(s.Line(), "%s.%s is not the module's", table, name)
		}
		f.values[name] = c
	}
}

// dotted takes apart what stands in front of a function's parameters, or before an equals sign.
func dotted(e ast.Expr) (table, name string) {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return "", ""
	}
	object, _ := get.Object.(*ast.IdentExpr)
	key, _ := get.Key.(*ast.StringExpr)
	if object == nil || key == nil {
		return "", ""
	}
	return object.Value, key.Value
}

func (f *face) function(s *ast.FuncDefStmt, c comment) {
	name := s.Name.Method
	if receiver, ok := s.Name.Receiver.(*ast.IdentExpr); ok {
		class, known := f.tables[receiver.Value]
		if !known {
			f.complain(s.Line(), "%s:%s: no ---@class above a local table %s", receiver.Value, name, receiver.Value)
		}
		name = class + ":" + name
	} else if table, field := dotted(s.Name.Func); slices.Contains(f.names, table) {
		name = field
	} else {
		f.complain(s.Line(), "a function that is neither the module's nor a class's")
		return
	}
	if len(s.Func.Stmts) > 0 {
		f.complain(s.Line(), "%s has a body", name)
	}
	if _, twice := f.functions[name]; twice {
		f.complain(s.Line(), "%s is declared twice", name)
	}
	f.functions[name] = function{
		line: s.Line(), names: s.Func.ParList.Names, params: c.all("param"), returns: c.all("return"),
		async: len(c.all("async")) > 0, comment: c,
	}
}

func isEmptyTable(e ast.Expr) bool {
	t, ok := e.(*ast.TableExpr)
	return ok && len(t.Fields) == 0
}

// declare takes the classes and aliases of a comment.
func (f *face) declare(c comment) {
	var open string
	for _, t := range c.tags {
		switch t.kind {
		case "class":
			if _, twice := f.classes[t.name]; twice {
				f.complain(t.line, "the class %s is declared twice", t.name)
			}
			open = t.name
			f.classes[open] = class{line: t.line, parent: t.typ}
		case "field":
			k, ok := f.classes[open]
			if !ok {
				f.complain(t.line, "the field %s belongs to no class", t.name)
			}
			k.fields = append(k.fields, t)
			f.classes[open] = k
		case "alias":
			f.aliases[t.name] = t.typ
		}
	}
}
