//go:build !linux

package main

// lockdown has nothing to take away here: on Windows the core puts the worker into a Job Object before it runs.
func lockdown() (missing []string) { return platformMissing }
