package control

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// askEnv makes the test binary a peer of its own, perhaps of another user, that asks at this place; see
// socket_unix_test.go.
const askEnv = "BOREALIS_CONTROL_ASK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(askEnv); dir != "" {
		fmt.Print(Call(context.Background(), Place{dir, "SYSTEM"}, "echo", nil, nil))
		return
	}
	goleak.VerifyTestMain(m)
}
