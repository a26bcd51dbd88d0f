//go:build !linux

// Command probe has nothing to try on this system yet.
package main

func main() {}
