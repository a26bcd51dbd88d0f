// Package session knows the users' login sessions and the session host in each: the helper that carries
// out primitives for interactive roles as that user and holds no token. The room is empty until the
// session host moves in; nothing imports it.
package session
