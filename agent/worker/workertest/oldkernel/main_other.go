//go:build !linux

// Command oldkernel has no old kernel to show on this system.
package main

func main() {}
