package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// A hostile script runs in another process, a copy of this test binary, so that one which the sandbox does not contain
// fails its test and no other. The script's first line, after "--!", says how it must end:
//
//	refused TEXT     Parse or Compile refuses it
//	error TEXT       it raises an error that contains the text
//	deadline         its context ends it
//	interrupted      its context or an error ends it
//	ends             it ends by itself, without an error
//	kernel           as interrupted, if the kernel's limit on memory does not come first: the sandbox does not promise more
//
// "deadline or X" stands for either. Every error must name a file and a line.

// hostileEnv is set for such a process. It takes orders from its input and reports to its output.
const hostileEnv = "SANDBOX_HOSTILE"

const (
	soon     = 150 * time.Millisecond // the deadline of a script that must meet it
	patience = 60 * time.Second       // after which the sandbox has failed to contain a script
)

type order struct {
	Source   []byte
	Deadline time.Duration
}

type outcome struct {
	How, Message string
	Overrun      time.Duration // from the deadline to the end
}

func TestMain(m *testing.M) {
	if os.Getenv(hostileEnv) == "" {
		os.Exit(m.Run())
	}
	debug.SetMemoryLimit(256 << 20)
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var o order
		if err := in.Decode(&o); err != nil {
			return // the parent has had enough
		}
		if err := out.Encode(runHostile(o)); err != nil {
			panic(err)
		}
		debug.FreeOSMemory()
	}
}

// runHostile runs one script as a worker does.
func runHostile(o order) outcome {
	b := newBox(DefaultLimits())
	b.helpers["lib.forever"] = "while true do end"
	b.helpers["lib.itself"] = `require "lib.itself"`
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), o.Deadline)
	defer cancel()
	_, err := b.run(ctx, string(o.Source), "role_hostile.lua")
	end := outcome{Overrun: max(0, time.Since(start)-o.Deadline)}
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

// cell is one such process. It takes many scripts, one after the other, until one of them breaks it.
type cell struct {
	cmd    *exec.Cmd
	in     io.Closer
	orders *json.Encoder
	out    *json.Decoder
	stderr bytes.Buffer
}

func newCell(t *testing.T) *cell {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &cell{cmd: limited(exe)}
	c.cmd.Env = append(os.Environ(), hostileEnv+"=1")
	c.cmd.Stderr = &c.stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.in, c.orders, c.out = in, json.NewEncoder(in), json.NewDecoder(out)
	return c
}

// end ends the process, and waits for it.
func (c *cell) end() error {
	return errors.Join(c.in.Close(), c.cmd.Wait())
}

// run has one script run. It is killed if it does not end.
func (c *cell) run(o order) (end outcome, err error) {
	alarm := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer alarm.Stop()
	if err := c.orders.Encode(o); err != nil {
		return end, err
	}
	return end, c.out.Decode(&end)
}

// prison keeps cells for tests that run beside each other; nil is one that is still to be built.
type prison chan *cell

func newPrison(t *testing.T) prison {
	p := make(prison, 2)
	for range cap(p) {
		p <- nil
	}
	t.Cleanup(func() { // when all parallel tests are done
		for range cap(p) {
			if c := <-p; c != nil {
				if err := c.end(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	return p
}

// try runs a script and checks how it ends.
func (p prison) try(t *testing.T, source, want string, deadline time.Duration) {
	t.Helper()
	c := <-p
	if c == nil {
		c = newCell(t)
	}
	end, err := c.run(order{[]byte(source), deadline})
	if err == nil {
		p <- c
		expect(t, want, end)
		return
	}
	p <- nil
	died := c.end()
	t.Logf("%v, %v\n%.2000s", err, died, c.stderr.String())
	if want != "kernel" {
		t.Error("took its process down, or had to be killed")
	}
}

// expect checks an ending against what the script's first line wants.
func expect(t *testing.T, want string, end outcome) {
	t.Helper()
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
	scripts, cells := 0, newPrison(t)
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
				cells.try(t, source, want, deadline)
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
	cells := newPrison(t)
	for name, source := range sourceBombs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cells.try(t, source, "refused or error or ends or deadline", soon)
		})
	}
}
