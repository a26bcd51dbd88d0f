//go:build unix

package process

// foreignText is nil: a program that does not write UTF-8 cannot be asked here what it writes instead.
func foreignText() func([]byte) string { return nil }
