package all_test

import (
	"os"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/roletest"
	"github.com/bunny-lab-io/borealis-agent/bindings/all"
)

func TestMain(m *testing.M) {
	all.RunExample = roletest.Example
	os.Exit(m.Run())
}
