// Package roles holds example roles, one idea each; its test loads and drives every one.
package roles

import (
	"os"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/roletest"
)

func TestExamples(t *testing.T) { roletest.Run(t, os.DirFS(".")) }
