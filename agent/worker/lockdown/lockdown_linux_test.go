package lockdown

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/agent/worker/workertest"
)

// TestALockedDownProcessCanOnlyCompute runs a program that locks itself down and then tries everything else. It needs a
// kernel with landlock and seccomp, which every Linux since 5.13 has.
func TestALockedDownProcessCanOnlyCompute(t *testing.T) {
	probe, err := workertest.Program(t.TempDir(), "probe", "./agent/worker/lockdown/probe")
	if err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := exec.Command(probe, victim, l.Addr().String()).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "end" {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(victim); err != nil {
		t.Fatal(err)
	}
}

func TestTheFilterEndsInARefusal(t *testing.T) {
	prog := filter()
	for i, ins := range prog {
		if next := i + 1 + int(ins.Jt); next > len(prog) {
			t.Errorf("instruction %d jumps beyond the end", i)
		}
		if next := i + 1 + int(ins.Jf); next > len(prog) {
			t.Errorf("instruction %d jumps beyond the end", i)
		}
	}
	if last := prog[len(prog)-1]; last.K&0xffff0000 != seccompErrno {
		t.Errorf("what is not listed is answered with %#x", last.K)
	}
}
