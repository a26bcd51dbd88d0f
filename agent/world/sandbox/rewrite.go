package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// Functions that a rewritten chunk calls. No script can spell these names, nor reach the functions otherwise: they
// are upvalues of the chunk, and there is no debug library.
const (
	concatName = "(concat)"
	appendName = "(append)"
)

// itemsPerFlush is lua.FieldsPerFlush, which gopher-lua's compiler goes by and nobody may change.
const itemsPerFlush = 50

// rewriteConcat makes a call of a..b..c, so that its result is capped: the interpreter's own instruction is not.
func rewriteConcat(e *ast.StringConcatOpExpr) *ast.FuncCallExpr {
	call := helperCall(concatName, e)
	for rest := e; rest != nil; {
		call.Args = append(call.Args, rest.Lhs)
		next, ok := rest.Rhs.(*ast.StringConcatOpExpr)
		if !ok {
			call.Args = append(call.Args, single(rest.Rhs))
		}
		rest = next
	}
	return call
}

// single cuts the last argument of a call to one value, as an operand is.
func single(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = true
	case *ast.Comma3Expr:
		e.AdjustRet = true
	}
	return e
}

// rewriteTable makes a call of { a1, ..., a50, f() }: where the items before a call that gives many values fill blocks
// of 50 exactly, gopher-lua puts those values over the last block.
func rewriteTable(e *ast.TableExpr) ast.Expr {
	items := 0
	for _, f := range e.Fields {
		if f.Key == nil {
			items++
		}
	}
	items-- // the last one, if it is such a call
	if items <= 0 || items%itemsPerFlush != 0 {
		return e
	}
	last := e.Fields[len(e.Fields)-1]
	if last.Key != nil || !givesMany(last.Value) {
		return e
	}
	count := &ast.NumberExpr{Value: strconv.Itoa(items)}
	count.SetLine(e.Line())
	e.Fields = e.Fields[:len(e.Fields)-1]
	call := helperCall(appendName, e)
	call.Args = []ast.Expr{e, count, last.Value}
	return call
}

func givesMany(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		return !e.AdjustRet
	case *ast.Comma3Expr:
		return !e.AdjustRet
	}
	return false
}

// rewriteAssign takes an assignment to several targets, or of more values than targets, apart, if there is a variable
// among its targets. All that stands on either side is evaluated before anything is assigned; but gopher-lua evaluates
// right sides straight into the local that gets them, so that a, b = b, a loses one.
func rewriteAssign(s ast.Stmt) ast.Stmt {
	assign, ok := s.(*ast.AssignStmt)
	if !ok || len(assign.Lhs)+len(assign.Rhs) == 2 || !slices.ContainsFunc(assign.Lhs, isVariable) {
		return s
	}
	block := &ast.DoBlockStmt{}
	block.SetLine(s.Line())
	block.SetLastLine(s.LastLine())
	keep := func(name string, i int, e ast.Expr) ast.Expr {
		name = fmt.Sprintf("(%s %d)", name, i)
		block.Stmts = append(block.Stmts, local(s, []ast.Expr{e}, name))
		return variable(name, e)
	}
	for i, target := range assign.Lhs {
		if field, ok := target.(*ast.AttrGetExpr); ok {
			field.Object = keep("object", i, field.Object)
			if _, constant := field.Key.(ast.ConstExpr); !constant {
				field.Key = keep("key", i, field.Key)
			}
		}
	}
	names := make([]string, len(assign.Lhs))
	for i := range names {
		names[i] = fmt.Sprintf("(value %d)", i)
	}
	block.Stmts = append(block.Stmts, local(s, assign.Rhs, names...))
	for i, target := range slices.Backward(assign.Lhs) { // in the reference's order
		one := &ast.AssignStmt{Lhs: []ast.Expr{target}, Rhs: []ast.Expr{variable(names[i], target)}}
		one.SetLine(s.Line())
		block.Stmts = append(block.Stmts, one)
	}
	return block
}

// rewriteFor gives a loop over an iterator all of the three values that it needs. What the list does not give,
// gopher-lua leaves as it was in the registers; and of a call that ends a list of more values than the loop has names,
// it takes no result.
func rewriteFor(s *ast.GenericForStmt) {
	last := s.Exprs[len(s.Exprs)-1]
	if givesMany(last) && len(s.Exprs) < 3 {
		for len(s.Names) < len(s.Exprs) {
			s.Names = append(s.Names, "(unused)")
		}
		return
	}
	s.Exprs = append(s.Exprs, at(&ast.NilExpr{}, last))
	for len(s.Exprs) < 3 {
		s.Exprs = append(s.Exprs, at(&ast.NilExpr{}, last))
	}
}

// loosen undoes the cut to one value where there is one target to take it anyway. With the cut, gopher-lua calls a
// function in the place of the local that gets its result, over the locals after it.
func loosen(s *ast.AssignStmt) {
	if len(s.Lhs) != 1 || len(s.Rhs) != 1 {
		return
	}
	switch e := s.Rhs[0].(type) {
	case *ast.FuncCallExpr:
		e.AdjustRet = false
	case *ast.Comma3Expr:
		e.AdjustRet = false
	}
}

// isVariable says whether a target may be a local. The names of a role's declaration are none, and must stay where
// Literals looks for them.
func isVariable(target ast.Expr) bool {
	name, ok := target.(*ast.IdentExpr)
	return ok && !strings.HasPrefix(name.Value, rolePrefix)
}

// local is "local names = values", in the place of s.
func local(s ast.Stmt, values []ast.Expr, names ...string) ast.Stmt {
	l := &ast.LocalAssignStmt{Names: names, Exprs: values}
	l.SetLine(s.Line())
	return l
}

func variable(name string, at ast.Expr) *ast.IdentExpr {
	v := &ast.IdentExpr{Value: name}
	v.SetLine(at.Line())
	return v
}

// helperCall calls one of the functions above in the place of e; it gives one value.
func helperCall(name string, e ast.Expr) *ast.FuncCallExpr {
	call := &ast.FuncCallExpr{Func: variable(name, e), AdjustRet: true}
	call.SetLine(e.Line())
	call.SetLastLine(e.LastLine())
	return call
}
