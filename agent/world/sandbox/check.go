package sandbox

import (
	"fmt"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

const (
	// maxRegisters is what an instruction can name, less some slack. gopher-lua refuses a function that needs more
	// than 200, but does not count those of closures; past 255 it begins with 0 again and compiles something else.
	maxRegisters = 250
	// maxItems is how many items without keys a table constructor may have: past 511 blocks of 50, gopher-lua's
	// instruction has no room for the block's number, and the items get lost.
	maxItems = 25_000
	// maxWork is how many names compiling may compare. It looks names and constants up in lists, so a short file can
	// make it take minutes; this many take about a second.
	maxWork = 200_000_000
	// constantWork is how many comparisons of names one of constants is worth.
	constantWork = 4
)

// checker walks a syntax tree, finds what gopher-lua's compiler would choke on or get wrong, and rewrites what it
// must: see rewrite.go. Expressions are passed as slots, so that they can be replaced.
type checker struct {
	chunk *Chunk
	lim   Limits
	err   *SyntaxError

	depth, nodes, gotos int
	line                int // of the innermost node that has one
	work                int
	fn                  *scope
}

// scope is a function that is being walked.
type scope struct {
	outer     *scope
	around    int // locals of the functions around it
	locals    int // of its own, in scope
	constants map[string]bool
}

func check(c *Chunk, lim Limits) error {
	k := &checker{chunk: c, lim: lim, line: 1}
	c.body = k.function(nil, false, c.body)
	if k.err != nil {
		return k.err
	}
	return nil
}

func (k *checker) fail(format string, args ...any) {
	if k.err == nil {
		k.err = &SyntaxError{k.chunk.file, k.line, fmt.Sprintf(format, args...)}
	}
}

// enter begins a node; leave must follow. When it says no, the walk is over.
func (k *checker) enter(n ast.PositionHolder) bool {
	if line := n.Line(); line > 0 {
		k.line = line
	}
	k.nodes++
	k.depth++
	switch {
	case k.nodes > k.lim.Nodes:
		k.fail("the file has more than %d nodes", k.lim.Nodes)
	case k.depth > k.lim.Depth:
		k.fail("nested more than %d deep", k.lim.Depth)
	}
	return k.err == nil
}

func (k *checker) leave() { k.depth-- }

// function walks a function's body, and gives what it was rewritten to.
func (k *checker) function(params []string, method bool, body []ast.Stmt) []ast.Stmt {
	f := &scope{outer: k.fn, constants: map[string]bool{}}
	if f.outer != nil {
		f.around = f.outer.around + f.outer.locals
	}
	k.fn = f
	k.declare(len(params))
	if method {
		k.declare(1)
	}
	body = k.block(body)
	if len(f.constants) > k.lim.Constants {
		k.fail("a function has more than %d different constants and names", k.lim.Constants)
	}
	k.fn = f.outer
	return body
}

// block is statements whose locals end with it.
func (k *checker) block(body []ast.Stmt) []ast.Stmt {
	before := k.fn.locals
	body = k.statements(body)
	k.fn.locals = before
	return body
}

// statements walks statements and gives what they were rewritten to.
func (k *checker) statements(body []ast.Stmt) []ast.Stmt {
	for i := range body {
		body[i] = rewriteAssign(body[i])
		k.statement(body[i])
	}
	return padded(body, false)
}

func (k *checker) declare(locals int) {
	k.fn.locals += locals
	k.needs(0)
}

// needs is told how many registers an expression takes beyond those of the locals.
func (k *checker) needs(registers int) {
	if k.fn.locals+registers > maxRegisters {
		k.fail("a function or expression is too complex: it needs more than %d registers", maxRegisters)
	}
}

// constant counts a use of a constant, which the compiler looks up among all of its function.
func (k *checker) constant(text string) {
	k.fn.constants[text] = true
	k.spend(constantWork * len(k.fn.constants))
}

// lookup counts a use of a name, which the compiler looks up among all locals that can be seen.
func (k *checker) lookup(name string) {
	k.constant(name)
	k.spend(k.fn.locals + k.fn.around + k.depth)
}

// spend counts what compiling will have to compare.
func (k *checker) spend(comparisons int) {
	if k.work += comparisons; k.work > maxWork {
		k.fail("the functions up to here have too many names and constants")
	}
}

func (k *checker) statement(s ast.Stmt) {
	if !k.enter(s) {
		return
	}
	defer k.leave()
	switch s := s.(type) {
	case *ast.AssignStmt:
		k.assign(s)
	case *ast.LocalAssignStmt:
		k.local(s)
	case *ast.FuncCallStmt:
		k.needs(k.call(s.Expr.(*ast.FuncCallExpr)))
	case *ast.DoBlockStmt:
		s.Stmts = k.block(s.Stmts)
	case *ast.WhileStmt:
		k.needs(k.expr(&s.Condition))
		s.Stmts = padded(k.block(s.Stmts), true)
	case *ast.RepeatStmt:
		k.repeat(s)
	case *ast.IfStmt:
		k.needs(k.expr(&s.Condition))
		s.Then, s.Else = k.block(s.Then), k.block(s.Else)
	case *ast.NumberForStmt, *ast.GenericForStmt:
		k.loop(s)
	case *ast.FuncDefStmt:
		k.definition(s)
	case *ast.ReturnStmt:
		k.needs(k.list(s.Exprs))
	case *ast.LabelStmt, *ast.GotoStmt:
		if k.gotos++; k.gotos > k.lim.Gotos {
			k.fail("the file has more than %d gotos and labels", k.lim.Gotos)
		}
	}
}

func (k *checker) assign(s *ast.AssignStmt) {
	registers := 0
	for i, target := range s.Lhs {
		if name, ok := target.(*ast.IdentExpr); ok {
			k.lookup(name.Value)
			k.declaration(name, k.depth > 1)
			continue
		}
		k.needs(registers + k.expr(&s.Lhs[i]))
		registers += 2
	}
	k.needs(registers + k.list(s.Rhs))
	loosen(s)
}

// declaration notes an assignment to a ROLE_ name where it does not count.
func (k *checker) declaration(name *ast.IdentExpr, inner bool) {
	if inner && strings.HasPrefix(name.Value, rolePrefix) {
		k.chunk.misplaced = append(k.chunk.misplaced, Literal{
			Name: name.Value, Line: name.Line(), Problem: name.Value + " is assigned within a block: it belongs to the top level",
		})
	}
}

func (k *checker) local(s *ast.LocalAssignStmt) {
	_, recursive := only(s.Exprs).(*ast.FunctionExpr)
	if recursive && len(s.Names) == 1 { // "local function f": f is in scope in its own body
		k.declare(1)
		k.expr(&s.Exprs[0])
		return
	}
	k.needs(max(len(s.Names), k.list(s.Exprs)))
	k.declare(len(s.Names))
}

func only(list []ast.Expr) ast.Expr {
	if len(list) != 1 {
		return nil
	}
	return list[0]
}

func (k *checker) repeat(s *ast.RepeatStmt) {
	before := k.fn.locals
	s.Stmts = padded(k.statements(s.Stmts), true)
	k.needs(k.expr(&s.Condition)) // sees the locals of the body
	k.fn.locals = before
}

func (k *checker) loop(s ast.Stmt) {
	const hidden = 3 // the registers of the loop itself
	before := k.fn.locals
	switch s := s.(type) {
	case *ast.NumberForStmt:
		for _, slot := range []*ast.Expr{&s.Init, &s.Limit, &s.Step} {
			k.needs(hidden + k.expr(slot))
		}
		k.declare(hidden + 1)
		s.Stmts = k.block(s.Stmts)
	case *ast.GenericForStmt:
		k.needs(hidden + k.list(s.Exprs))
		rewriteFor(s)
		k.declare(hidden + len(s.Names))
		s.Stmts = padded(k.block(s.Stmts), true)
	}
	k.fn.locals = before
}

func (k *checker) definition(s *ast.FuncDefStmt) {
	if s.Name.Func == nil {
		k.constant(s.Name.Method)
		k.needs(3 + k.expr(&s.Name.Receiver))
	} else {
		if name, ok := s.Name.Func.(*ast.IdentExpr); ok {
			k.declaration(name, k.depth > 1)
		}
		k.needs(3 + k.expr(&s.Name.Func))
	}
	k.body(s.Func, s.Name.Func == nil)
}

// body walks the function of "function name() ... end".
func (k *checker) body(f *ast.FunctionExpr, method bool) {
	if k.enter(f) {
		f.Stmts = k.function(f.ParList.Names, method, f.Stmts)
		k.leave()
	}
}
