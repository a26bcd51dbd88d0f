package bindings_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

// lamp is what the sample binding's handles hold.
type lamp struct {
	name     string
	finished atomic.Bool
	closed   atomic.Int32
}

func (l *lamp) Close() error {
	l.closed.Add(1)
	if l.name == "stuck" {
		return errors.New("lamp stuck")
	}
	return nil
}

func (l *lamp) Finished() bool { return l.finished.Load() }

func (l *lamp) Name() string { return l.name }

// named is what a binding that takes another binding's handles declares.
type named interface{ Name() string }

type besideOptions struct {
	Beside named `lua:"beside"`
}

func label(_ context.Context, first named, second **lamp, opts besideOptions) (string, error) {
	names := first.Name()
	if second != nil {
		names += "+" + (*second).name
	}
	if opts.Beside != nil {
		names += "|" + opts.Beside.Name()
	}
	return names, nil
}

// workshop is a sample binding with handles; lamps holds what it gave out.
type workshop struct {
	lamps  []*lamp
	closed int
}

func (w *workshop) light(_ context.Context, name string) (bindings.Handle, error) {
	l := &lamp{name: name}
	w.lamps = append(w.lamps, l)
	return bindings.Handle{Type: "workshop.Lamp", Value: l}, nil
}

func (w *workshop) binding() bindings.Binding {
	return bindings.Binding{
		Name: "workshop",
		Handles: []bindings.HandleType{{Name: "workshop.Lamp", Methods: map[string]bindings.Func{
			"name": {Do: func(_ context.Context, l *lamp) (string, error) { return l.name, nil }},
			"with": {Do: func(_ context.Context, l, other *lamp) (string, error) { return l.name + "+" + other.name, nil }},
		}}},
		Open: func(bindings.Host) (*bindings.Instance, error) {
			return &bindings.Instance{
				Funcs: map[string]bindings.Func{
					"light": {Waits: true, Do: w.light},
					"label": {Do: label},
					"keep":  {Do: func(context.Context, int, bindings.Callback) error { return errors.New("no room") }},
					"show":  {Do: func(context.Context, any) error { return nil }},
					"burn":  {Do: func(context.Context) error { panic("smoke") }},
				},
				Values: map[string]any{"volts": 230.0},
				Close:  func() error { w.closed++; return errors.New("workshop flooded") },
			}, nil
		},
	}
}

// opened opens the list with the grants for a role, and closes it with the test.
func opened(t *testing.T, grants bindings.Grants, list ...bindings.Binding) (*bindings.Set, *hosttest.Host) {
	t.Helper()
	host := hosttest.New(t.TempDir(), grants...)
	set, err := bindings.Open(host, list, grants)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	return set, host
}

// call calls one function of the first module and fails the test when the call fails.
func call(t *testing.T, set *bindings.Set, c bindings.Call) any {
	t.Helper()
	v, err := set.Call(t.Context(), c)
	if err != nil {
		t.Fatalf("%s.%s%v: %v", c.Module, c.Func, c.Args, err)
	}
	return v
}

func light(t *testing.T, set *bindings.Set, name string) bindings.Ref {
	t.Helper()
	return call(t, set, bindings.Call{Module: "workshop", Func: "light", Args: []any{name}}).(bindings.Ref)
}

// failure is the code of an *Error, or "misuse", or what else it is.
func failure(err error) string {
	var failed *bindings.Error
	var wrong *bindings.Misuse
	switch {
	case errors.As(err, &wrong):
		return "misuse"
	case errors.As(err, &failed):
		return failed.Code
	}
	return fmt.Sprintf("unclassified: %v", err)
}

func TestAHandleLivesUntilItIsClosed(t *testing.T) {
	w := &workshop{}
	set, _ := opened(t, nil, w.binding())
	ref := light(t, set, "hall")
	if ref.Type != "workshop.Lamp" || ref.ID == 0 {
		t.Fatalf("reference %+v", ref)
	}
	if got := call(t, set, bindings.Call{Module: "workshop", Ref: ref.ID, Func: "name"}); got != "hall" {
		t.Errorf("name = %v", got)
	}
	for range 2 { // closing what is closed is no error
		if got := call(t, set, bindings.Call{Module: "workshop", Ref: ref.ID, Func: "close"}); got != true {
			t.Errorf("close = %v", got)
		}
	}
	if n := w.lamps[0].closed.Load(); n != 1 {
		t.Errorf("closed %d times", n)
	}
	_, err := set.Call(t.Context(), bindings.Call{Module: "workshop", Ref: ref.ID, Func: "name"})
	if failure(err) != "closed" {
		t.Errorf("a method of a closed handle: %v", err)
	}
}

func TestAHandleCanBeAnArgument(t *testing.T) {
	set, _ := opened(t, nil, (&workshop{}).binding())
	hall, attic := light(t, set, "hall"), light(t, set, "attic")
	c := bindings.Call{Module: "workshop", Ref: hall.ID, Func: "with", Args: []any{attic}}
	if got := call(t, set, c); got != "hall+attic" {
		t.Errorf("with = %v", got)
	}
	for _, x := range []struct {
		args []any
		want string
	}{
		{[]any{hall}, "hall"},
		{[]any{hall, bindings.Null{}}, "hall"},
		{[]any{hall, attic, map[string]any{"beside": hall}}, "hall+attic|hall"},
	} {
		if got := call(t, set, bindings.Call{Module: "workshop", Func: "label", Args: x.args}); got != x.want {
			t.Errorf("label = %v, want %v", got, x.want)
		}
	}
	call(t, set, bindings.Call{Module: "workshop", Ref: attic.ID, Func: "close"})
	if _, err := set.Call(t.Context(), c); failure(err) != "closed" {
		t.Errorf("a closed handle as an argument: %v", err)
	}
}

func TestNothingButAHandleStandsForAHandle(t *testing.T) {
	set, _ := opened(t, nil, (&workshop{}).binding())
	hall := light(t, set, "hall")
	for _, forged := range [][]any{nil, {nil}, {bindings.Null{}}, {map[string]any{}}, {[]any{}}, {"hall"}, {1.0}} {
		_, err := set.Call(t.Context(), bindings.Call{Module: "workshop", Ref: hall.ID, Func: "with", Args: forged})
		if failure(err) != "misuse" {
			t.Errorf("%#v passed as a lamp: %v", forged, err)
		}
		_, err = set.Call(t.Context(), bindings.Call{Module: "workshop", Func: "label", Args: forged})
		if failure(err) != "misuse" {
			t.Errorf("%#v passed as something named: %v", forged, err)
		}
	}
	for _, forged := range []any{map[string]any{}, "hall", 1.0} {
		for _, args := range [][]any{{hall, forged}, {hall, nil, map[string]any{"beside": forged}}} {
			if _, err := set.Call(t.Context(), bindings.Call{Module: "workshop", Func: "label", Args: args}); failure(err) != "misuse" {
				t.Errorf("%#v passed: %v", args, err)
			}
		}
	}
}

// function stands for a Lua function.
type function struct{ released int }

func (f *function) Call(context.Context, ...any) error { return nil }
func (f *function) Release()                           { f.released++ }

func TestAFunctionThatNoBindingSawIsReleased(t *testing.T) {
	set, _ := opened(t, nil, (&workshop{}).binding())
	for _, c := range []struct {
		name, module, fn string
		args             []any
		released         int
	}{
		{"taken", "workshop", "keep", []any{1.0}, 0},
		{"another argument is wrong", "workshop", "keep", []any{"one"}, 1},
		{"too many arguments", "workshop", "keep", []any{1.0, nil}, 1},
		{"no such function", "workshop", "kepe", []any{1.0}, 1},
		{"no such module", "wrkshop", "keep", []any{1.0}, 1},
		{"a plain value is wanted", "workshop", "show", nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &function{}
			if _, err := set.Call(t.Context(), bindings.Call{Module: c.module, Func: c.fn, Args: append(c.args, f)}); err == nil {
				t.Error("went well")
			}
			if f.released != c.released {
				t.Errorf("released %d times, want %d", f.released, c.released)
			}
		})
	}
}

func TestHandlesAreBounded(t *testing.T) {
	w := &workshop{}
	set, _ := opened(t, nil, w.binding())
	for range bindings.MaxHandles {
		light(t, set, "lamp")
	}
	full := bindings.Call{Module: "workshop", Func: "light", Args: []any{"one more"}}
	if _, err := set.Call(t.Context(), full); failure(err) != "limit" {
		t.Fatalf("past the limit: %v", err)
	}
	if refused := w.lamps[len(w.lamps)-1]; refused.closed.Load() != 1 {
		t.Error("the value that found no room was not closed")
	}
	w.lamps[7].finished.Store(true)
	ref := light(t, set, "one more")
	if got := call(t, set, bindings.Call{Module: "workshop", Ref: ref.ID, Func: "name"}); got != "one more" {
		t.Errorf("name = %v", got)
	}
	if n := set.Open()["workshop.Lamp"]; n != bindings.MaxHandles {
		t.Errorf("%d lamps open", n)
	}
}

func TestWhatHasFinishedIsNotOpen(t *testing.T) {
	w := &workshop{}
	set, _ := opened(t, nil, w.binding())
	light(t, set, "hall")
	light(t, set, "attic")
	w.lamps[0].finished.Store(true)
	if got := set.Open(); len(got) != 1 || got["workshop.Lamp"] != 1 {
		t.Errorf("open: %v", got)
	}
}

func TestClosingTheSetClosesEverything(t *testing.T) {
	w := &workshop{}
	set, _ := opened(t, nil, w.binding())
	light(t, set, "hall")
	light(t, set, "stuck")
	err := set.Close()
	for _, l := range w.lamps {
		if l.closed.Load() != 1 {
			t.Errorf("%s closed %d times", l.name, l.closed.Load())
		}
	}
	for _, want := range []string{"lamp stuck", "workshop flooded"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("closing kept quiet about %q: %v", want, err)
		}
	}
	late := bindings.Call{Module: "workshop", Func: "light", Args: []any{"late"}}
	if _, err := set.Call(t.Context(), late); failure(err) != "cancelled" {
		t.Errorf("a handle after the end: %v", err)
	}
	if last := w.lamps[2]; last.closed.Load() != 1 {
		t.Error("the late lamp was left burning")
	}
}

func TestAPanicIsOurMistake(t *testing.T) {
	set, host := opened(t, nil, (&workshop{}).binding())
	_, err := set.Call(t.Context(), bindings.Call{Module: "workshop", Func: "burn"})
	if failure(err) != "internal" || err.Error() != "internal error" {
		t.Errorf("the role sees %v", err)
	}
	for _, want := range []string{"workshop.burn", "smoke", "set_test.go"} {
		if !strings.Contains(host.Logged(), want) {
			t.Errorf("the log does not tell %q", want)
		}
	}
}

func TestWhatIsNotThere(t *testing.T) {
	set, _ := opened(t, nil, (&workshop{}).binding())
	ref := light(t, set, "hall")
	for _, c := range []struct {
		call bindings.Call
		want string
	}{
		{bindings.Call{Module: "workshpo", Func: "light"}, `no module "workshpo" here`},
		{bindings.Call{Module: "workshop", Func: "lihgt"}, `workshop has no function "lihgt"; did you mean "light"?`},
		{bindings.Call{Module: "workshop", Func: "explode"}, `workshop has no function "explode"; known: burn, keep, label, light, show`},
		{bindings.Call{Module: "workshop", Ref: ref.ID, Func: "nmae"}, `a workshop.Lamp has no method "nmae"`},
		{bindings.Call{Module: "workshop", Func: "light", Args: []any{"a", "b"}}, "2 arguments given, at most 1 expected"},
	} {
		_, err := set.Call(t.Context(), c.call)
		if failure(err) != "misuse" || err.Error() != c.want {
			t.Errorf("got %q (%s), want %q", err, failure(err), c.want)
		}
	}
}

func TestOpening(t *testing.T) {
	granted := bindings.Binding{Name: "vault", Grant: "vault", Open: func(bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{Funcs: map[string]bindings.Func{"peek": {Do: func(context.Context) error { return nil }}}}, nil
	}}
	absent := bindings.Binding{Name: "absent", Open: func(bindings.Host) (*bindings.Instance, error) {
		return nil, fmt.Errorf("no such device: %w", bindings.ErrUnsupported)
	}}
	w := &workshop{}
	list := []bindings.Binding{w.binding(), granted, absent}

	set, _ := opened(t, nil, list...)
	about := set.Describe(list, nil)
	if about[0].Denied != "" || !about[0].Funcs["light"] || about[0].Funcs["burn"] || about[0].Values["volts"] != 230.0 {
		t.Errorf("the workshop is described as %+v", about[0])
	}
	if m := about[0].Handles["workshop.Lamp"]; !m["close"] || m["name"] {
		t.Errorf("a lamp's methods are described as %v", m)
	}
	if want := `missing grant: add "vault" to ROLE_GRANTS to use vault`; about[1].Denied != want {
		t.Errorf("denied with %q, want %q", about[1].Denied, want)
	}
	if want := "absent is not supported on this machine"; about[2].Denied != want {
		t.Errorf("denied with %q, want %q", about[2].Denied, want)
	}

	set, _ = opened(t, bindings.Grants{"vault"}, list...)
	call(t, set, bindings.Call{Module: "vault", Func: "peek"})

	broken := bindings.Binding{Name: "broken", Open: func(bindings.Host) (*bindings.Instance, error) {
		return nil, errors.New("out of luck")
	}}
	w.closed = 0
	_, err := bindings.Open(hosttest.New(t.TempDir()), append(list, broken), nil)
	if err == nil || !strings.Contains(err.Error(), "open broken: out of luck") || w.closed != 1 {
		t.Errorf("opening what does not open: %v, workshop closed %d times", err, w.closed)
	}
}
