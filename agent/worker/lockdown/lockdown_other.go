//go:build !linux

package lockdown

// down has nothing to take away here: on Windows the core puts the worker into a Job Object as soon as it is started.
func down() (missing []string) { return platformMissing }
