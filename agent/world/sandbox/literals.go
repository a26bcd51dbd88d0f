package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// rolePrefix begins the names by which a role's file says what it is.
const rolePrefix = "ROLE_"

// roleNames are all of them.
func roleNames() []string { return []string{"ROLE_NAME", "ROLE_CONTEXTS", "ROLE_GRANTS"} }

// Literal is one assignment to a ROLE_ name, or what is wrong with it.
type Literal struct {
	Name     string
	Line     int
	Problem  string // if set, nothing below counts
	IsString bool   // String holds the value; otherwise List does
	String   string
	List     []string
}

// Literals are the file's assignments to ROLE_ names, in their order.
func (c *Chunk) Literals() []Literal {
	var found []Literal
	for _, s := range c.body {
		switch s := s.(type) {
		case *ast.AssignStmt:
			found = append(found, assigned(s, found)...)
		case *ast.LocalAssignStmt:
			for _, name := range s.Names {
				if strings.HasPrefix(name, rolePrefix) {
					found = append(found, Literal{Name: name, Line: s.Line(), Problem: name + " is local: it must be global, without \"local\""})
				}
			}
		case *ast.FuncDefStmt:
			if name, ok := s.Name.Func.(*ast.IdentExpr); ok && strings.HasPrefix(name.Value, rolePrefix) {
				found = append(found, Literal{Name: name.Value, Line: s.Line(), Problem: notLiteral(name.Value)})
			}
		}
	}
	return append(found, c.misplaced...)
}

// assigned gives the ROLE_ names that one statement assigns; before are those ahead of it.
func assigned(s *ast.AssignStmt, before []Literal) (found []Literal) {
	for i, target := range s.Lhs {
		name, ok := target.(*ast.IdentExpr)
		if !ok || !strings.HasPrefix(name.Value, rolePrefix) {
			continue
		}
		l := Literal{Name: name.Value, Line: name.Line()}
		switch at := slices.IndexFunc(before, func(b Literal) bool { return b.Name == l.Name }); {
		case !slices.Contains(roleNames(), l.Name):
			l.Problem = fmt.Sprintf("%s is not known%s", l.Name, didYouMean(l.Name, roleNames()))
		case at >= 0:
			l.Problem = fmt.Sprintf("%s is assigned again: line %d does so already", l.Name, before[at].Line)
		case len(s.Lhs) != len(s.Rhs) || !l.read(s.Rhs[i]):
			l.Problem = notLiteral(l.Name)
		}
		found = append(found, l)
		before = append(slices.Clip(before), l)
	}
	return found
}

func notLiteral(name string) string {
	return name + " must be a literal: a string, or a list of strings in braces"
}

// read takes the value from the tree, if it is one that can be read without running anything.
func (l *Literal) read(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StringExpr:
		l.IsString, l.String = true, e.Value
		return true
	case *ast.TableExpr:
		list := []string{}
		for _, f := range e.Fields {
			text, ok := f.Value.(*ast.StringExpr)
			if !ok || f.Key != nil {
				return false
			}
			list = append(list, text.Value)
		}
		l.List = list
		return true
	}
	return false
}

// ReturnsRole says what is wrong if the last statement of the file is not "return Role", and on which line that
// statement begins. A file that was cut short can then never pass for a whole one.
func (c *Chunk) ReturnsRole() (line int, problem string) {
	const want = "the last statement must be \"return Role\""
	if len(c.body) == 0 {
		return 1, want
	}
	last := c.body[len(c.body)-1]
	line = last.Line()
	if s, ok := last.(*ast.ReturnStmt); ok {
		if name, ok := only(s.Exprs).(*ast.IdentExpr); ok && name.Value == "Role" {
			return line, ""
		}
	}
	return line, want
}

// Requires names the helpers that the file requires, each once, in the order in which they first occur. What is
// required under a name made at run time is not among them.
func (c *Chunk) Requires() []string {
	var names []string
	for _, name := range c.requires {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
