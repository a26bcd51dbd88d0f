package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const passing = `{"Action":"start","Package":"m/agent/a"}
{"Action":"output","Package":"m/agent/a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"m/agent/a","Test":"TestX","Output":"    chatter\n"}
{"Action":"pass","Package":"m/agent/a","Test":"TestX"}
{"Action":"output","Package":"m/agent/a","Output":"ok  \tm/agent/a\t0.1s\n"}
{"Action":"pass","Package":"m/agent/a"}
`

const skipping = `{"Action":"output","Package":"m/agent/a","Test":"TestS/sub","Output":"    x_test.go:1: no tool\n"}
{"Action":"skip","Package":"m/agent/a","Test":"TestS/sub"}
{"Action":"pass","Package":"m/agent/a","Test":"TestS"}
`

func TestReports(t *testing.T) {
	for name, tc := range map[string]struct {
		in, allowed  string
		strict, ok   bool
		want, unsaid string
	}{
		"passed": {in: passing, ok: true, want: "ok  \tm/agent/a\t0.1s\n1 passed, 0 failed, 0 skipped\n", unsaid: "chatter"},
		"failed": {
			in: passing + `{"Action":"output","Package":"m/b","Test":"TestF/sub","Output":"=== RUN   TestF/sub\n"}
{"Action":"output","Package":"m/b","Test":"TestF/sub","Output":"    why it failed\n"}
{"Action":"fail","Package":"m/b","Test":"TestF/sub"}
{"Action":"fail","Package":"m/b","Test":"TestF"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b\t0.1s\n"}
{"Action":"fail","Package":"m/b"}
`,
			want: "    why it failed\nFAIL\tm/b\t0.1s\n1 passed, 2 failed, 0 skipped\n", unsaid: "=== RUN",
		},
		"panicked": {
			in: passing + `{"Action":"output","Package":"m/b","Test":"TestP","Output":"panic: oh\n"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b\t0.1s\n"}
{"Action":"fail","Package":"m/b"}
`,
			want: "panic: oh\n1 passed, 1 failed, 0 skipped\n",
		},
		"did not build": {
			in: passing + `{"ImportPath":"m/b","Action":"build-output","Output":"b.go:1: undefined: x\n"}
{"ImportPath":"m/b","Action":"build-fail"}
{"Action":"output","Package":"m/b","Output":"FAIL\tm/b [build failed]\n"}
{"Action":"fail","Package":"m/b"}
`,
			want: "b.go:1: undefined: x\nFAIL\tm/b [build failed]\n1 passed, 1 failed, 0 skipped\n",
		},
		"nothing ran":         {in: "go: no packages\n", want: "go: no packages\n0 passed, 0 failed, 0 skipped\n"},
		"skipped at home":     {in: passing + skipping, ok: true, want: "skipped: agent/a.TestS/sub: x_test.go:1: no tool\n2 passed, 0 failed, 1 skipped\n"},
		"skipped in CI":       {in: passing + skipping, strict: true, want: "not allowed to be skipped: 1"},
		"allowed in CI":       {in: passing + skipping, strict: true, allowed: "agent/a.TestS  a reason\n", ok: true, want: "skipped: agent/a.TestS/sub (allowed: a reason)\n"},
		"another one allowed": {in: passing + skipping, strict: true, allowed: "# x\n\nagent/a.TestT  a reason\n", want: "not allowed to be skipped: 1"},
	} {
		t.Run(name, func(t *testing.T) {
			allowed := filepath.Join(t.TempDir(), "allowed")
			if err := os.WriteFile(allowed, []byte(tc.allowed), 0o600); err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			ok, err := run(strings.NewReader(tc.in), &out, "m", allowed, tc.strict)
			if err != nil {
				t.Fatal(err)
			}
			if ok != tc.ok || !strings.Contains(flat(out.String()), flat(tc.want)) {
				t.Errorf("ok %v, want %v; output:\n%s", ok, tc.ok, &out)
			}
			if tc.unsaid != "" && strings.Contains(out.String(), tc.unsaid) {
				t.Errorf("too much is said:\n%s", &out)
			}
		})
	}
}

// flat leaves out the package lines, which come in between.
func flat(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if !isResult(line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func TestAllowedSkipsNeedAReason(t *testing.T) {
	for _, text := range []string{"agent/a.TestX\n", "agent/a something\n"} {
		if _, err := parseAllowed(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
