// Package host is the session host: a process of the agent's own program that the core starts as a logged-in user, in
// that user's session, and that carries out bindings there for interactive roles. It promises that nothing runs in it,
// or comes of it, as anybody but that user; that it holds no token and cannot speak to the Engine, since whoever is the
// user can be the host; that it opens only what the core tells it to, and asks the core about every grant; and that all
// it started ends with it, and it with the core. It decides neither which session is served nor which role it serves.
//
// The core believes it no more than its user: what it answers becomes the result of a call that the user could have
// spoilt anyway, and all that it may ask is whether a grant covers a thing, to run a callback that the role gave to a
// binding in it, and to write a line into that role's log.
package host
