package sandbox

import (
	"errors"
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
)

const (
	// maxUpvalues is how many gopher-lua counts: the next one is number 0 again.
	maxUpvalues = 255
	// maxCode is how many instructions a function may have; a jump reaches 131,071 far.
	maxCode = 100_000
	// opShift is where an instruction's code begins.
	opShift = 26
)

// Compile makes a function of the chunk, for Env.Function. The same prototype may serve many worlds.
func (c *Chunk) Compile() (proto *lua.FunctionProto, err error) {
	defer func() {
		if p := recover(); p != nil {
			proto, err = nil, &SyntaxError{c.file, 1, fmt.Sprintf("the compiler failed: %v", p)}
		}
	}()
	outer, err := lua.Compile(c.wrapped(), c.file)
	var wrong *lua.CompileError
	switch {
	case errors.As(err, &wrong):
		return nil, &SyntaxError{c.file, max(1, wrong.Line), wrong.Message}
	case err != nil:
		return nil, &SyntaxError{c.file, 1, err.Error()}
	}
	proto = outer.FunctionPrototypes[0]
	if err := c.finish(proto); err != nil {
		return nil, err
	}
	trim(proto)
	return proto, nil
}

// trim lets go of the room that the compiler made for more: it keeps some 15 KiB with each function, most of it unused.
func trim(proto *lua.FunctionProto) {
	proto.Code = slices.Clone(proto.Code)
	proto.Constants = slices.Clone(proto.Constants)
	proto.FunctionPrototypes = slices.Clone(proto.FunctionPrototypes)
	proto.DbgSourcePositions = slices.Clone(proto.DbgSourcePositions)
	proto.DbgLocals = slices.Clone(proto.DbgLocals)
	proto.DbgCalls = slices.Clone(proto.DbgCalls)
	proto.DbgUpvalues = slices.Clone(proto.DbgUpvalues)
	for _, inner := range proto.FunctionPrototypes {
		trim(inner)
	}
}

// wrapped puts the chunk into a function within one that has the helpers as locals, so that they become upvalues.
func (c *Chunk) wrapped() []ast.Stmt {
	helpers := &ast.LocalAssignStmt{Names: []string{concatName, appendName}}
	helpers.SetLine(1)
	chunk := &ast.FunctionExpr{ParList: &ast.ParList{HasVargs: true}, Stmts: c.body}
	chunk.SetLine(1)
	chunk.SetLastLine(c.lastLine)
	result := &ast.ReturnStmt{Exprs: []ast.Expr{chunk}}
	result.SetLine(c.lastLine)
	return []ast.Stmt{helpers, result}
}

// finish checks and mends the code of a function and of those within.
func (c *Chunk) finish(p *lua.FunctionProto) error {
	switch {
	case len(p.DbgUpvalues) > maxUpvalues:
		return &SyntaxError{c.file, p.LineDefined, fmt.Sprintf("a function uses more than %d locals of the functions around it", maxUpvalues)}
	case len(p.Code) > maxCode:
		return &SyntaxError{c.file, p.LineDefined, fmt.Sprintf("a function has more than %d instructions", maxCode)}
	}
	noTailCalls(p.Code)
	for i := range p.DbgCalls {
		// A frame without a name is one that no call instruction made: see yieldable.
		if name := p.DbgCalls[i].Name; name == "?" || name == "" {
			p.DbgCalls[i].Name = unnamed
		}
	}
	for _, inner := range p.FunctionPrototypes {
		if err := c.finish(inner); err != nil {
			return err
		}
	}
	return nil
}

// noTailCalls makes plain calls of tail calls; the return that follows gives on what they return. gopher-lua counts
// the tail calls of a frame and writes a line of traceback for each, so a loop of them ends in gigabytes of text when
// it fails; and growing arguments crash it.
func noTailCalls(code []uint32) {
	for i, inst := range code {
		if inst>>opShift == uint32(lua.OP_TAILCALL) {
			code[i] = uint32(lua.OP_CALL)<<opShift | inst&(1<<opShift-1)
		}
	}
}
