// Package lockdown takes from a process all that a role's world has no use for: files, sockets, other programs, and
// memory without end. It promises that what was taken stays taken, in every thread, and that what this machine could
// not take is said. It is for a process with nothing open but its pipes; it decides nothing about what is good enough.
package lockdown

// Down locks this process down and lists what of it the machine could not give.
func Down() (missing []string) { return down() }
