//go:build !linux

package main

// region is a part of the address space; there is nothing to give back here.
type region struct{}

func program() []region { return nil }

func (region) unmap() error { return nil }
