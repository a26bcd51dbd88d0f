// Package sandbox is what a role's Lua may be and may touch: the checks that a file passes before it runs, and the
// globals that it meets when it does, on unmodified gopher-lua.
//
// It promises that reading and compiling any bytes ends soon, in a chunk or in an error with a file and a line; that
// nothing of the machine is within a script's reach; that every function which loops or allocates ends at a limit or
// with its thread's context; and that a script cannot catch the end of its context.
//
// It is not a limit on memory or processor time: tables grow as a script pleases, and the interpreter's instructions
// are not counted. Those two belong to the process around it, by its context and by the kernel.
//
// What gopher-lua leaves open is closed here without changing it. The syntax tree is rewritten, so that a..b calls a
// function that caps its result, and so that what the compiler gets wrong never reaches it: see rewrite.go and flow.go.
// Tail calls become plain calls, so that no traceback grows without end. A protected call runs on a thread of its own,
// because an error closes the upvalues of every function of its thread, also of those that live on. And two variables
// of gopher-lua, which act on the whole process, are set once: see prepare.
//
// Scripts otherwise meet Lua 5.1, with these differences. Added: goto and labels; tostring and ".." write integers in
// full up to 2^53; string.format takes anything for %s; a malformed pattern is refused even where the match would not
// have come to it; coroutines may be made of Go functions. Taken away: the old table "arg" of functions with "...";
// table.insert before the first place; what the limits forbid. Left as gopher-lua has it: there is no -0; a for loop
// takes no strings; next takes an unknown key; items past 2^20 no longer count for "#".
package sandbox
