package process

import "github.com/bunny-lab-io/borealis-agent/bindings"

// findAccount finds nobody: Windows wants a password of whoever is not logged in, and who is has a session host.
func findAccount(name string) (*account, error) {
	return nil, bindings.Fail("unsupported", "user %q: on Windows, a program of another user is for a role with ROLE_CONTEXTS = { \"interactive\" }", name)
}
