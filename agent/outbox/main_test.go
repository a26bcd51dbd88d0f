package outbox

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// childEnv makes the test binary a second process that works an outbox until it is killed; see kill_test.go.
const childEnv = "BOREALIS_OUTBOX_CHILD"

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		child(spec)
		return
	}
	goleak.VerifyTestMain(m)
}
