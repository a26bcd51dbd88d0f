package logs

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a settable time in a fixed zone, so that golden lines are the same everywhere.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock(stamp string) *clock {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", stamp, time.FixedZone("", 3600))
	if err != nil {
		panic(err)
	}
	return &clock{t: t}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func open(t *testing.T, dir string, c *clock, echo *bytes.Buffer) *Logs {
	t.Helper()
	cfg := Config{Dir: dir, Now: c.Now}
	if echo != nil {
		cfg.Echo = echo
	}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// logFiles lists what lies in dir, without the lock.
func logFiles(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestLinesGoWhereTheyBelong(t *testing.T) {
	dir, echo := filepath.Join(t.TempDir(), "Agent", "Logs"), new(bytes.Buffer)
	l := open(t, dir, newClock("2026-02-03 10:11:12"), echo)
	l.Logger().Info("connected to the engine", "host", "lab-pc7", "attempt", 3)
	l.Logger().Debug("not wanted at this level")
	l.Service("VPN_Tunnel/tunnel").Info("up", "idle", 15*time.Minute)
	l.Service("rdp").Error("port is taken", "err", errors.New(`listen "x": in use`))

	const at = "2026-02-03T10:11:12.000+01:00-"
	rdp := at + `rdp-port is taken level=ERROR err="listen \"x\": in use"` + "\n"
	for name, want := range map[string]string{
		"agent.log":             at + "agent-connected to the engine host=lab-pc7 attempt=3\n",
		"VPN_Tunnel/tunnel.log": at + "VPN_Tunnel/tunnel-up idle=15m0s\n",
		"rdp.log":               rdp,
		"agent.error.log":       rdp,
	} {
		if got := read(t, dir, filepath.FromSlash(name)); got != want {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
	if n := strings.Count(echo.String(), "\n"); n != 3 {
		t.Errorf("the echo has %d lines, want 3:\n%s", n, echo)
	}
}

func TestLevelIsReadAtEachLine(t *testing.T) {
	dir, level := t.TempDir(), new(slog.LevelVar)
	l, err := Open(Config{Dir: dir, Level: level})
	if err != nil {
		t.Fatal(err)
	}
	l.Logger().Debug("first")
	level.Set(slog.LevelDebug)
	l.Logger().Debug("second")
	level.Set(slog.LevelError)
	l.Logger().Warn("third")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "agent.log"); !strings.HasSuffix(got, "-agent-second level=DEBUG\n") || strings.Count(got, "\n") != 1 {
		t.Errorf("got %q", got)
	}
}

func TestServiceNamesStayInside(t *testing.T) {
	refused := []string{
		"", ".", "..", "../x", "a/../../x", "/etc/x", `a\b`, "a/", "/a", "a//b", ".hidden", "agent.error", "a b",
		"a\nb", "a\x00b", "C:x", "nul", "VPN/Com1", "a/b/c/d", strings.Repeat("a", maxName+1), "ż",
	}
	for _, name := range refused {
		parent := t.TempDir()
		dir := filepath.Join(parent, "Logs")
		l := open(t, dir, newClock("2026-02-03 10:11:12"), nil)
		l.Service(name).Info("hello")
		if got := logFiles(t, dir); !slices.Equal(got, []string{"agent.log"}) {
			t.Errorf("service %q made %q", name, got)
		}
		if got := logFiles(t, parent); !slices.Equal(got, []string{"Logs"}) {
			t.Errorf("service %q made %q outside", name, got)
		}
		if got := read(t, dir, "agent.log"); !strings.Contains(got, "-agent-hello service=") {
			t.Errorf("service %q: the line is lost: %q", name, got)
		}
	}
	for _, name := range []string{"rdp", "VPN_Tunnel/remote_shell", "a/b/c", "wg-client", "_x", "7zip", "console"} {
		if err := checkName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOpenRefusesWhatCannotWork(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: plain}); err == nil {
		t.Error("a plain file was taken as the folder")
	}
	if _, err := Open(Config{Dir: dir, Service: "../x"}); err == nil {
		t.Error("a service outside the folder was taken")
	}
	if err := os.Mkdir(filepath.Join(dir, "agent.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir}); err == nil {
		t.Error("a folder was taken as the log")
	}
}

func TestLoggingAfterClose(t *testing.T) {
	dir, echo := t.TempDir(), new(bytes.Buffer)
	l := open(t, dir, newClock("2026-02-03 10:11:12"), echo)
	log := l.Logger()
	log.Info("before")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := slog.NewRecord(time.Time{}, slog.LevelInfo, "after", 0)
	if err := log.Handler().Handle(t.Context(), r); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if got := read(t, dir, "agent.log"); strings.Contains(got, "after") || !strings.Contains(echo.String(), "after") {
		t.Errorf("file %q, echo %q", got, echo)
	}
}

func TestManyServicesShareTheMainFileInTheEnd(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, newClock("2026-02-03 10:11:12"), nil)
	for i := range maxFiles + 10 {
		l.Service("s" + strings.Repeat("x", i%50) + string(rune('a'+i/50))).Info("hello")
	}
	if n := len(logFiles(t, dir)); n > maxFiles {
		t.Errorf("%d files", n)
	}
	if got := strings.Count(read(t, dir, "agent.log"), "-hello\n"); got < 10 {
		t.Errorf("%d lines of the last services are in agent.log, want at least 10", got)
	}
}

func TestFilesAreNotForEverybody(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Logs")
	open(t, dir, newClock("2026-02-03 10:11:12"), nil).Service("a/b").Error("x")
	for _, name := range []string{"", "a", "a/b.log", "agent.error.log"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if world := info.Mode().Perm() & 0o007; world != 0 && filepath.Separator == '/' {
			t.Errorf("%q has mode %v", name, info.Mode())
		}
	}
}

func TestConcurrentLinesAreWholeAndInOrder(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 200 {
				l.Service("busy").Info("line", "i", i)
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(read(t, dir, "busy.log"), "\n"), "\n")
	if len(lines) != 1600 || !slices.IsSorted(stamps(lines)) {
		t.Errorf("%d lines, sorted: %v", len(lines), slices.IsSorted(stamps(lines)))
	}
}

func stamps(lines []string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l[:len(stampLayout)]
	}
	return out
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func BenchmarkLine(b *testing.B) {
	l, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	log := l.Logger().With("role", "script_exec_system")
	for b.Loop() {
		log.Info("job has ended", "job_id", 4711, "status", "Success", "took", time.Second)
	}
}
