package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// A hostile script runs in a process of its own, a copy of this test binary, so that one which the sandbox does not
// contain fails its test and no other. The script's first line, after "--!", says how it must end:
//
//	refused TEXT     Parse or Compile refuses it
//	error TEXT       it raises an error that contains the text
//	deadline         its context ends it
//	interrupted      its context or an error ends it
//	ends             it ends by itself, without an error
//	kernel           as interrupted, if the kernel's limit on memory does not come first: the sandbox does not promise more
//
// "deadline or X" stands for either. Every error must name a file and a line.

// hostileEnv holds the deadline in such a process. Its input is the script.
const hostileEnv = "SANDBOX_HOSTILE"

const (
	soon     = 150 * time.Millisecond // the deadline of a script that must meet it
	patience = 60 * time.Second       // after which the sandbox has failed to contain a script
)

// outcome is what the process reports.
type outcome struct {
	How, Message string
	Overrun      time.Duration // from the deadline to the end
}

func TestMain(m *testing.M) {
	if os.Getenv(hostileEnv) != "" {
		source, err := io.ReadAll(os.Stdin)
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(runHostile(string(source), os.Getenv(hostileEnv)))
		}
		if err != nil {
			os.Exit(2)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runHostile runs one script as a worker does.
func runHostile(source, deadline string) outcome {
	debug.SetMemoryLimit(256 << 20)
	allowed, err := time.ParseDuration(deadline)
	if err != nil {
		panic(err)
	}
	b := newBox(DefaultLimits())
	b.helpers["lib.forever"] = "while true do end"
	b.helpers["lib.itself"] = `require "lib.itself"`
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), allowed)
	defer cancel()
	_, err = b.run(ctx, source, "role_hostile.lua")
	end := outcome{Overrun: max(0, time.Since(start)-allowed)}
	var syntax *SyntaxError
	switch {
	case err == nil:
		end.How = "ends"
	case errors.As(err, &syntax):
		end.How, end.Message = "refused", err.Error()
	case strings.HasPrefix(err.Error(), "panic: "):
		end.How, end.Message = "panic", err.Error()
	case ctx.Err() != nil:
		end.How, end.Message = "deadline", Describe(err)
	default:
		end.How, end.Message = "error", Describe(err)
	}
	return end
}

// hostile starts a process for one script and gives what became of it; killed means that it did not even report.
func hostile(t *testing.T, source string, deadline time.Duration) (end outcome, killed bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := limited(ctx, exe)
	cmd.Env = append(os.Environ(), hostileEnv+"="+deadline.String())
	cmd.Stdin = strings.NewReader(source)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		t.Fatalf("did not end within %v", patience)
	}
	if err != nil {
		t.Logf("%v\n%.2000s", err, stderr.String())
		return outcome{}, true
	}
	if err := json.Unmarshal(out, &end); err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	return end, false
}

// expect checks an ending against what the script's first line wants.
func expect(t *testing.T, want string, end outcome, killed bool) {
	t.Helper()
	if killed {
		if want != "kernel" {
			t.Error("took its process down")
		}
		return
	}
	t.Logf("%s, %v late: %.200s", end.How, end.Overrun.Round(time.Millisecond), end.Message)
	if end.How != "ends" && !placed(end.Message) {
		t.Errorf("the message names no file and line: %.200q", end.Message)
	}
	met := false
	for _, one := range strings.Split(want, " or ") {
		how, text, _ := strings.Cut(one, " ")
		switch how {
		case "kernel", "interrupted":
			met = met || end.How == "deadline" || end.How == "error"
		default:
			met = met || end.How == how && strings.Contains(end.Message, text)
		}
	}
	if !met {
		t.Errorf("%s: %.300s\nwant %s", end.How, end.Message, want)
	}
}

func TestHostile(t *testing.T) {
	files, err := filepath.Glob("testdata/hostile/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			scripts++
			name := strings.TrimSuffix(filepath.Base(file), ".txtar") + "/" + f.Name
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				source := string(f.Data)
				want, _, _ := strings.Cut(strings.TrimPrefix(source, "--! "), "\n")
				deadline := patience / 2
				if how, _, _ := strings.Cut(want, " "); how == "deadline" || how == "interrupted" || how == "kernel" {
					deadline = soon
				}
				end, killed := hostile(t, source, deadline)
				expect(t, want, end, killed)
			})
		}
	}
	if scripts < 150 {
		t.Errorf("%d scripts", scripts)
	}
}

// sourceBombs are files that overwhelm a parser or compiler. They are too long to write down.
func sourceBombs() map[string]string {
	rep := strings.Repeat
	many := func(n int, f func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	return map[string]string{
		"braces":           rep("{", 200_000),
		"braces_closed":    "return " + rep("{", 100_000) + rep("}", 100_000),
		"parentheses":      "return " + rep("(", 100_000) + "1" + rep(")", 100_000),
		"brackets":         "x" + rep("[x", 100_000) + rep("]", 100_000) + " = 1",
		"calls":            "x" + rep("(x", 100_000) + rep(")", 100_000),
		"functions":        rep("function() ", 20_000),
		"local_functions":  rep("local function f() ", 10_000) + rep("end ", 10_000),
		"ifs":              rep("if x then ", 20_000) + rep("end ", 20_000),
		"elseifs":          "if x then " + rep("elseif x then ", 15_000) + "end",
		"dos":              rep("do ", 80_000) + rep("end ", 40_000),
		"repeats":          rep("repeat ", 30_000),
		"whiles":           rep("while x do ", 20_000),
		"nots":             "return " + rep("not ", 60_000) + "x",
		"minuses":          "return " + rep("- ", 100_000) + "1",
		"lengths":          "return " + rep("#", 200_000) + "x",
		"powers":           "return 1" + rep("^1", 100_000),
		"concats":          "return 'x'" + rep("..'x'", 40_000),
		"sums":             "return 1" + rep("+1", 100_000),
		"ands":             "return x" + rep(" and x", 40_000),
		"methods":          "x" + rep(":x()", 60_000),
		"fields":           "return x" + rep(".x", 120_000),
		"comments":         rep("--[", 80_000),
		"long_brackets":    "return [" + rep("=", 250_000) + "[",
		"long_string":      "return [==[" + rep("]=", 120_000),
		"escapes":          `return "` + rep(`\`, 200_001),
		"open_string":      `return "` + rep("x", 250_000),
		"constants":        "return {" + many(40_000, func(i int) string { return fmt.Sprintf("%d,", i) }) + "}",
		"strings":          "local t = {" + many(20_000, func(i int) string { return fmt.Sprintf("'%x',", i) }) + "}",
		"items":            "return {" + rep("1,", 45_000) + "}",
		"locals":           many(1_000, func(i int) string { return fmt.Sprintf("local a%d ", i) }),
		"locals_at_once":   "local " + many(1_000, func(i int) string { return fmt.Sprintf("a%d,", i) }) + "z",
		"parameters":       "return function(" + many(1_000, func(i int) string { return fmt.Sprintf("a%d,", i) }) + "z) end",
		"arguments":        "return print(" + rep("1,", 300) + "1)",
		"arguments_nested": "return " + rep("print("+rep("1,", 100), 5) + "1" + rep(")", 5),
		"targets":          rep("x.y,", 300) + "x.y = 1",
		"values":           "local x = " + rep("1,", 400) + "1",
		"returns":          "return " + rep("1,", 400) + "1",
		"upvalues": many(2, func(i int) string {
			return "local " + strings.TrimSuffix(many(150, func(j int) string { return fmt.Sprintf("u%d_%d,", i, j) }), ",") + " = 1 return (function() "
		}) + "return (function() return " + strings.TrimSuffix(many(300, func(i int) string { return fmt.Sprintf("u%d_%d+", i/150, i%150) }), "+") + " end)() end)() end)()",
		"lookups": rep("return (function() local "+strings.TrimSuffix(many(150, func(j int) string { return fmt.Sprintf("v%d,", j) }), ",")+" = 1 ", 60) +
			rep("x=x ", 20_000) + rep(" end)() ", 60),
		"gotos":           many(5_000, func(i int) string { return fmt.Sprintf("goto l%d ::l%d:: ", i, i) }),
		"labels":          many(10_000, func(i int) string { return fmt.Sprintf("::l%d:: ", i) }),
		"goto_nowhere":    "goto nowhere",
		"break_nowhere":   "break",
		"number_long":     "return " + rep("9", 200_000),
		"number_hex":      "return 0x" + rep("f", 200_000),
		"number_swallows": "return 1e" + `"` + rep("{", 100_000) + `"`,
		"number_sticks":   "return 1e5x",
		"name_long":       rep("a", 200_000) + " = 1",
		"not_utf8":        "return '\xff'",
		"zero":            "return '\x00'",
		"too_large":       "return '" + rep("x", 300_000) + "'",
		"bytecode":        "\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00",
		"vararg_outside":  "return function() return ... end",
		"semicolons":      rep(";", 200_000),
		"attrib":          "local x <const> = 1",
		"shebang":         "#!/bin/lua\nreturn 1",
		"cut_function":    "local Role = {}\nfunction Role:run()\n  if true then\n    print(1)\n",
		"cut_string":      "local x = \"abc\nreturn x",
		"cut_expression":  "local x = 1 +",
		"lone_end":        "end",
		"operators":       "return x = y",
	}
}

// TestSourceBombs lets each be refused, or run if it passes, in a process of its own.
func TestSourceBombs(t *testing.T) {
	for name, source := range sourceBombs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			end, killed := hostile(t, source, soon)
			expect(t, "refused or error or ends", end, killed)
		})
	}
}
