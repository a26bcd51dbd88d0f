package service

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/windows"
)

const testName = "BorealisServiceTest"

// TestMain is the service, too, when the service manager starts this program as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "as-service" {
		err := Run(context.Background(), Service{Name: testName}, func(ctx context.Context) error {
			if err := os.WriteFile(os.Args[2], []byte(os.Args[3]), 0o600); err != nil {
				return err
			}
			<-ctx.Done()
			return nil
		})
		if err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestTheServiceManagerRunsIt(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "a file.txt")
	const odd = `a "b" c\`
	s := Service{Name: testName, Title: "Borealis' test", Program: self, Args: []string{"as-service", made, odd}, Dir: t.TempDir()}
	ctx := t.Context()
	t.Cleanup(func() {
		if err := s.Uninstall(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if state, err := s.State(ctx); err != nil || state.Installed {
		t.Fatalf("before: %+v, %v", state, err)
	}
	for range 2 {
		if _, err := s.Install(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
	}
	running, err := s.State(ctx)
	if err != nil || !running.Running || running.PID == 0 {
		t.Fatalf("running: %+v, %v", running, err)
	}
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if again, err := s.State(ctx); err != nil || !again.Running || again.PID == running.PID {
		t.Errorf("restarted: %+v, %v", again, err)
	}
	for range 2 {
		if err := s.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := s.State(ctx); err != nil || !state.Installed || state.Running {
		t.Errorf("stopped: %+v, %v", state, err)
	}
	if text, err := os.ReadFile(made); err != nil || string(text) != odd {
		t.Errorf("the service's arguments came as %q, %v", text, err)
	}
	for range 2 {
		if err := s.Uninstall(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if state, err := s.State(ctx); err != nil || state.Installed {
		t.Errorf("uninstalled: %+v, %v", state, err)
	}
}

func TestWordsComeThrough(t *testing.T) {
	words := []string{`C:\a b\x.exe`, "", `q"q`, `back\`, `back\ slash\`, `\\"`, "ż", "a\tb"}
	line := ""
	for _, word := range words {
		line += argument(word) + " "
	}
	got, err := windows.DecomposeCommandLine(line)
	if err != nil || !slices.Equal(got, words) {
		t.Errorf("%s\ngot %q, %v", line, got, err)
	}
}

// TestAProgramThatRunsIsReplaced with this very one.
func TestAProgramThatRunsIsReplaced(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program.exe")
	if _, err := PutFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(dir, "made")
	s := Service{Name: testName, Title: "t", Program: path, Args: []string{"as-service", made, "x"}, Dir: dir}
	if _, err := s.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Uninstall(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if changed, err := PutFile(path, append(data, 0), 0o755); err != nil || !changed {
		t.Errorf("changed %v, %v", changed, err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != int64(len(data)+1) {
		t.Errorf("%v, %v", info, err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Errorf("the new program: %v", err)
	}
}
