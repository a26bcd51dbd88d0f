//go:build !windows

package settings

func machineSealer() Sealer { return Plain{} }
