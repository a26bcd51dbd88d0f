package sandbox

import (
	"strconv"

	"github.com/yuin/gopher-lua/ast"
)

// expr walks the expression in a slot, and says how many registers it takes at most. It never says too few.
func (k *checker) expr(slot *ast.Expr) (registers int) {
	if *slot == nil || !k.enter(*slot) {
		return 0
	}
	defer k.leave()
	switch e := (*slot).(type) {
	case *ast.StringExpr:
		k.constant(e.Value)
	case *ast.NumberExpr:
		k.number(e)
	case *ast.IdentExpr:
		k.lookup(e.Value)
	case *ast.FunctionExpr:
		e.Stmts = k.function(e.ParList.Names, false, e.Stmts)
	case *ast.AttrGetExpr:
		return max(k.expr(&e.Object), 1+k.expr(&e.Key))
	case *ast.LogicalOpExpr:
		registers = 1 + max(k.expr(&e.Lhs), k.expr(&e.Rhs))
		*slot = fold(e)
		return registers
	case *ast.RelationalOpExpr:
		return max(k.expr(&e.Lhs), 1+k.expr(&e.Rhs))
	case *ast.ArithmeticOpExpr:
		return max(k.expr(&e.Lhs), 1+k.expr(&e.Rhs))
	case *ast.UnaryMinusOpExpr:
		return k.expr(&e.Expr)
	case *ast.UnaryNotOpExpr:
		registers = k.expr(&e.Expr)
		*slot = fold(e)
		return registers
	case *ast.UnaryLenOpExpr:
		return k.expr(&e.Expr)
	case *ast.FuncCallExpr:
		return k.call(e)
	case *ast.TableExpr:
		registers = k.table(e)
		*slot = rewriteTable(e)
		return registers
	case *ast.StringConcatOpExpr:
		call := rewriteConcat(e)
		*slot = call
		return k.call(call)
	}
	return 1
}

// list walks expressions that stand beside each other.
func (k *checker) list(list []ast.Expr) (registers int) {
	for i := range list {
		registers = max(registers, i+k.expr(&list[i]))
	}
	return registers
}

// number settles what a numeral means: gopher-lua would read 0010 as octal.
func (k *checker) number(e *ast.NumberExpr) {
	n, ok := parseNumber(e.Value)
	if !ok {
		k.fail("malformed number near %s", shown(e.Value))
	}
	e.Value = strconv.FormatFloat(n, 'g', -1, 64)
	k.constant(e.Value)
}

func (k *checker) call(e *ast.FuncCallExpr) (registers int) {
	base := 1
	if e.Func != nil {
		registers = k.expr(&e.Func)
	} else {
		k.constant(e.Method)
		registers = k.expr(&e.Receiver)
		base = 3 // the function, the receiver, and the method's name for a moment
	}
	k.require(e)
	return max(registers, base+k.list(e.Args))
}

// require notes a call of require that names its helper.
func (k *checker) require(e *ast.FuncCallExpr) {
	name, _ := e.Func.(*ast.IdentExpr)
	if text, ok := only(e.Args).(*ast.StringExpr); ok && name != nil && name.Value == "require" {
		k.chunk.requires = append(k.chunk.requires, text.Value)
	}
}

// table walks a table constructor. Items without keys wait in registers until there are itemsPerFlush of them.
func (k *checker) table(e *ast.TableExpr) (registers int) {
	items := 0
	for _, f := range e.Fields {
		k.nodes++
		waiting := 1 + items%itemsPerFlush
		if f.Key == nil {
			items++
			registers = max(registers, waiting+k.expr(&f.Value))
			continue
		}
		registers = max(registers, waiting+k.expr(&f.Key), waiting+1+k.expr(&f.Value))
	}
	if items > maxItems {
		k.fail("a table constructor has more than %d items", maxItems)
	}
	return registers + 3 // room for what rewriteTable adds
}
