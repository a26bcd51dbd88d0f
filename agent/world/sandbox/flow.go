package sandbox

import (
	"github.com/yuin/gopher-lua/ast"
)

// When gopher-lua's compiler has a jump that leads to another jump, it makes it lead to where that one goes. It does
// so from the first instruction to the last, and what it has been through already holds distances, which it then
// takes for labels: a jump back to a jump ends anywhere. So no loop may begin with a jump. Operators on constants
// would be jumps; fold removes them. What remains gets a statement before it that does nothing; see padded.

// fold gives what an operator on a constant comes to; e itself if there is none.
func fold(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.LogicalOpExpr:
		isTrue, constant := truth(e.Lhs)
		switch {
		case !constant:
		case isTrue == (e.Operator == "or"):
			return e.Lhs
		default:
			return single(e.Rhs)
		}
	case *ast.UnaryNotOpExpr:
		isTrue, constant := truth(e.Expr)
		switch {
		case !constant:
		case isTrue:
			return at(&ast.FalseExpr{}, e)
		default:
			return at(&ast.TrueExpr{}, e)
		}
	}
	return e
}

func at(e, place ast.Expr) ast.Expr {
	e.SetLine(place.Line())
	return e
}

// truth says whether an expression is constant, and if so, whether it counts as true.
func truth(e ast.Expr) (isTrue, constant bool) {
	switch e.(type) {
	case *ast.NilExpr, *ast.FalseExpr:
		return false, true
	case *ast.TrueExpr, *ast.NumberExpr, *ast.StringExpr:
		return true, true
	}
	return false, false
}

// padded puts a statement that does nothing before each that may begin with a jump where a loop, or the label of a
// goto, leads back to it.
func padded(body []ast.Stmt, loop bool) []ast.Stmt {
	padded, target := body[:0:0], loop
	for _, s := range body {
		if _, label := s.(*ast.LabelStmt); label {
			target = true
		} else {
			if target && jumps(s) {
				padded = append(padded, pad(s))
			}
			target = false
		}
		padded = append(padded, s)
	}
	return padded
}

// jumps says whether a statement may begin with a jump.
func jumps(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.IfStmt:
		_, constant := truth(s.Condition)
		return constant
	case *ast.WhileStmt:
		_, constant := truth(s.Condition)
		return constant
	case *ast.DoBlockStmt:
		return len(s.Stmts) == 0 || jumps(s.Stmts[0])
	case *ast.RepeatStmt, *ast.BreakStmt, *ast.GotoStmt, *ast.LabelStmt:
		return true
	}
	return false
}

func pad(before ast.Stmt) ast.Stmt {
	block := &ast.DoBlockStmt{Stmts: []ast.Stmt{local(before, nil, "(pad)")}}
	block.SetLine(before.Line())
	block.SetLastLine(before.Line())
	return block
}
