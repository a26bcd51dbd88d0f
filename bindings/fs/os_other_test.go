//go:build unix && !linux

package fs

import "testing"

func asNobody(t *testing.T) { t.Skip("run this test as a user who is not root") }
