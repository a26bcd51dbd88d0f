// Package sandbox is what a role's Lua may be and may touch: the checks that a file passes before it runs, and the
// globals that it meets when it does, on unmodified gopher-lua.
//
// It promises that reading and compiling any bytes ends soon, in a chunk or in an error with a file and a line; that
// nothing of the machine is within a script's reach; that every function which loops or allocates ends at a limit or
// with its thread's context; and that a script cannot catch the end of its context. Scripts otherwise meet Lua 5.1,
// except where the documentation of the functions here says so.
//
// It is not a limit on memory or processor time: tables grow as a script pleases, and the interpreter's instructions
// are not counted. Those two belong to the process around it, by its context and by the kernel.
//
// What gopher-lua leaves open is closed here without changing it. The syntax tree is rewritten, so that a..b calls a
// function that caps its result, and so that what the compiler gets wrong never reaches it: see rewrite.go and flow.go.
// Tail calls become plain calls, so that no traceback grows without end. A protected call runs on a thread of its own,
// because an error closes the upvalues of every function of its thread, also of those that live on. And two variables
// of gopher-lua, which act on the whole process, are set once: see prepare.
package sandbox
