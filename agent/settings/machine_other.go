//go:build !linux && !darwin && !windows

package settings

// machineID is "": nothing binds the seal to the machine.
func machineID() (string, error) { return "", nil }
