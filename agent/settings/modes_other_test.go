//go:build !windows

package settings

import "testing"

func skipModesOnWindows(*testing.T) {}
