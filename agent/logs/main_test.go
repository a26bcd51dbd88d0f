package logs

import (
	"os"
	"testing"
)

// childEnv makes the test binary a second process that logs; see processes_test.go.
const childEnv = "BOREALIS_LOGS_CHILD"

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		child(spec)
		return
	}
	os.Exit(m.Run())
}
