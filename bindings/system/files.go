package system

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// maxFile bounds what is read from one file: none of those that are read whole comes near.
const maxFile = 16 << 20

// maxRun bounds the time that a program may take; rpm waits for a transaction under way.
const maxRun = 2 * time.Minute

// path is where a file of the machine lies.
func (m machine) path(parts ...string) string {
	return filepath.Join(append([]string{m.root}, parts...)...)
}

// read gives the content of a file of the machine.
func (m machine) read(parts ...string) ([]byte, error) {
	f, err := os.Open(m.path(parts...))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%q: larger than %d bytes", f.Name(), maxFile)
	}
	return text, nil
}

// line gives a small file's text without the blanks and zero bytes around it; "" when there is none.
func (m machine) line(parts ...string) string {
	text, err := m.read(parts...)
	if err != nil {
		return ""
	}
	return strings.Trim(string(text), " \t\r\n\x00")
}

func (m machine) exists(parts ...string) bool {
	_, err := os.Stat(m.path(parts...))
	return err == nil
}

// glob lists the files of the machine that a pattern names, sorted.
func (m machine) glob(pattern string) []string {
	found, _ := filepath.Glob(m.path(pattern)) // only a malformed pattern fails
	return found
}

// output runs a program and gives what it wrote.
func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	cmd.WaitDelay = time.Second
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return text, nil
}
