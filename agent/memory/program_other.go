//go:build !linux

package memory

// region is a part of the address space; there is nothing to give back here.
type region struct{}

func regions() []region { return nil }

func (region) unmap() error { return nil }
