package process

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"
)

// partVariable makes this test program play a part instead of running tests.
const partVariable = "BOREALIS_PROCESS_TEST_PART"

func pointer[T any](p *T) unsafe.Pointer { return unsafe.Pointer(p) }

// play plays a part; it does not return. The parents write their number, and their child's and its child's.
func play(part string) {
	code := 0
	switch part {
	case "arguments":
		fmt.Print(strings.Join(os.Args[1:], "|"))
		code = 7
	case "bytes":
		_, _ = os.Stdout.WriteString("a\x81b\x8a\r\n")
	case "parent", "child", "grandchild", "leaver":
		if next := map[string]string{"parent": "child", "child": "grandchild", "leaver": "grandchild"}[part]; next != "" {
			must(start(next, ""))
		}
		if part == "leaver" {
			for !filled("pids") {
				time.Sleep(5 * time.Millisecond)
			}
			break
		}
		must(note("pids", os.Getpid()))
		time.Sleep(10 * time.Minute)
	case "powershell":
		script, err := os.ReadFile(os.Args[len(os.Args)-1])
		must(err)
		fmt.Printf("%s\n%q", strings.Join(os.Args[1:], "|"), script)
		code = 5
	case "terminal":
		line, err := bufio.NewReader(os.Stdin).ReadString('\n')
		must(err)
		fmt.Printf("got %s\r\n", strings.TrimSpace(line))
		code = 6
	}
	os.Exit(code)
}

func note(path string, pid int) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = fmt.Fprintln(f, pid)
	return err
}

func filled(path string) bool {
	text, _ := os.ReadFile(path)
	return len(text) > 0
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
