package outbox

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// These make the test binary a second process that works an outbox until it is killed; see kill_test.go.
const (
	childEnv  = "BOREALIS_OUTBOX_CHILD"
	debtorEnv = "BOREALIS_OUTBOX_DEBTOR"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		child(spec)
		return
	}
	if spec := os.Getenv(debtorEnv); spec != "" {
		debtor(spec)
		return
	}
	goleak.VerifyTestMain(m)
}
