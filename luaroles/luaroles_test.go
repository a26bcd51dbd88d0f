package luaroles

import (
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/roletest"
)

func TestRoles(t *testing.T) { roletest.Run(t, Files) }
