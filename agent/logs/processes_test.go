package logs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	children  = 3
	days      = 15
	dayInReal = 20 * time.Millisecond // the children's days are short, and all of them have the same clock
)

var first = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// child is the second process: it logs numbered lines under a clock that runs much faster than the real one, so that
// all children meet many midnights together.
func child(spec string) {
	parts := strings.Split(spec, "|") // name, folder, start of the clock, hours off
	start, err1 := strconv.ParseInt(parts[2], 10, 64)
	off, err2 := strconv.Atoi(parts[3])
	zone := time.FixedZone("", off*3600)
	now := func() time.Time {
		real := time.Since(time.Unix(0, start))
		return first.Add(real * (24 * time.Hour / dayInReal)).In(zone)
	}
	l, err := Open(Config{Dir: parts[1], Now: now})
	if err1 != nil || err2 != nil || err != nil {
		fmt.Fprintln(os.Stderr, err1, err2, err)
		os.Exit(1)
	}
	lines := 0
	for end := first.AddDate(0, 0, days); now().Before(end); lines++ {
		if err := l.write("shared", 0, fmt.Appendf(nil, "%s.%d\n", parts[0], lines)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	fmt.Println(lines)
	if err := l.Close(); err != nil {
		os.Exit(1)
	}
}

// runChildren returns how many lines each child says it wrote.
func runChildren(t *testing.T, dir string, offHours func(i int) int) []int {
	t.Helper()
	start := time.Now().UnixNano()
	var running []*exec.Cmd
	said := make([]bytes.Buffer, children)
	for i := range children {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=p%d|%s|%d|%d", childEnv, i, dir, start, offHours(i)))
		cmd.Stdout, cmd.Stderr = &said[i], os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	lines := make([]int, children)
	for i, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(strings.TrimSpace(said[i].String()))
		if err != nil {
			t.Fatal(err)
		}
		lines[i] = n
	}
	return lines
}

// everyLine checks that each line of each child is there exactly once, and returns the files.
func everyLine(t *testing.T, dir string, lines []int) []string {
	t.Helper()
	seen := map[string]int{}
	files := logFiles(t, dir)
	for _, name := range files {
		for line := range strings.Lines(read(t, dir, name)) {
			// A writer that opened the file in the middle of another's append takes that for half a line and
			// ends it once more: an empty line, and nothing worse.
			if line != "\n" {
				seen[strings.TrimSuffix(line[len(stampLayout):], "\n")]++
			}
		}
	}
	total := 0
	for p, count := range lines {
		total += count
		for i := range count {
			if n := seen[fmt.Sprintf("-shared-p%d.%d", p, i)]; n != 1 {
				t.Fatalf("line %d of child %d is there %d times", i, p, n)
			}
		}
	}
	if len(seen) != total {
		t.Errorf("%d different lines, want %d", len(seen), total)
	}
	return files
}

func TestSeveralProcessesShareAFile(t *testing.T) {
	dir := t.TempDir()
	lines := runChildren(t, dir, func(int) int { return 0 })
	files := everyLine(t, dir, lines)
	t.Logf("%d lines in %d files", lines, len(files))
	if len(files) < 3 {
		t.Fatalf("the children met too few midnights: %q", files)
	}
	for _, name := range files {
		if day, rotated := strings.CutPrefix(name, "shared.log."); rotated && len(day) == len(time.DateOnly) {
			if got := read(t, dir, name); !strings.HasPrefix(got, day) {
				t.Errorf("%s begins with %.40q", name, got)
			}
		}
	}
}

func TestProcessesInDifferentZonesShareAFile(t *testing.T) {
	dir := t.TempDir()
	lines := runChildren(t, dir, func(i int) int { return 5 * i })
	files := everyLine(t, dir, lines)
	t.Logf("%d lines in %d files", lines, len(files))
	if len(files) > 2*days {
		t.Errorf("%d files for %d days: the processes rotate in turns: %q", len(files), days, files)
	}
}

// An open file can be renamed under its writer on every system: on Windows that needs the right share mode.
func TestARotatedFileIsStillWritable(t *testing.T) {
	dir, c := t.TempDir(), newClock("2026-02-03 23:59:59")
	slow, quick := open(t, dir, c, nil), open(t, dir, c, nil)
	slow.Logger().Info("slow")
	quick.Logger().Info("quick")
	midnight := c.Now().Add(time.Second)
	if err := quick.files["agent.log"].append(midnight, []byte("2026-02-04T00:00:00.000+01:00-agent-next day\n")); err != nil {
		t.Fatal(err)
	}
	slow.Logger().Info("slow at last")
	if got := read(t, dir, "agent.log.2026-02-03"); strings.Count(got, "\n") != 3 || !strings.HasSuffix(got, "-slow at last\n") {
		t.Errorf("rotated: %q", got)
	}
	if !exists(t, filepath.Join(dir, "agent.log")) {
		t.Error("there is no current file")
	}
}
