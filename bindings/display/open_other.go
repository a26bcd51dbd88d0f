//go:build !linux && !windows && !darwin

package display

func open() (*screen, error) { return nil, ErrUnsupported }
