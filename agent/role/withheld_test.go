package role

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// vault is a binding whose one function asks for a part of its grant.
func vault() bindings.Binding {
	return bindings.Binding{Name: "vault", Grant: "vault", Open: func(h bindings.Host) (*bindings.Instance, error) {
		return &bindings.Instance{Funcs: map[string]bindings.Func{
			"open": {Do: func(_ context.Context, door string) (string, error) {
				return door, h.Allow("vault", door)
			}},
		}}, nil
	}}
}

// withheld starts a role that declares grants of the vault, of which only some are allowed, and answers what a call of
// its one handler says.
func withheld(t *testing.T, declared string, allowed []string, handler string) (said string, m Manifest, log string) {
	t.Helper()
	o, cfg := newOffice(t)
	cfg.Bindings = append(cfg.Bindings, vault())
	cfg.Allowed = func(name string, declared []string) (granted, withheld []string) {
		for _, g := range declared {
			if name == "t" && slices.Contains(allowed, g) {
				granted = append(granted, g)
			} else {
				withheld = append(withheld, g)
			}
		}
		return granted, withheld
	}
	src := source(on(handler))
	src.Text = []byte(strings.Replace(string(src.Text), `{ "desk" }`, declared, 1))
	r, err := Start(t.Context(), cfg, src)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Kill(ErrEnded) })
	deliver(t, r, `{}`)
	return string((<-o.emitted).Data), r.Manifest(), o.logged()
}

func TestAWithheldModuleSaysHowToAllowIt(t *testing.T) {
	said, m, log := withheld(t, `{ "desk", "vault" }`, []string{"desk"},
		"local _, err = pcall(function() return vault.open('east') end) desk.say(err)")
	const want = `grant \"vault\" is declared but not allowed here: borealis-agent role allow t vault`
	if !strings.Contains(said, want) {
		t.Errorf("said %s", said)
	}
	if !slices.Equal(m.Withheld, []string{"vault"}) || !slices.Equal(m.Grants, []string{"desk", "vault"}) {
		t.Errorf("%+v", m)
	}
	if !strings.Contains(log, "grants withheld") {
		t.Errorf("log: %s", log)
	}
}

func TestAWithheldPartIsDeniedAtTheCall(t *testing.T) {
	const call = "local ok, err, code = vault.open('west') desk.say(code .. ': ' .. err)"
	for name, tc := range map[string]struct{ declared, want string }{
		"the part":     {`{ "desk", "vault:east", "vault:west" }`, `denied: grant \"vault:west\" is declared but not allowed here: borealis-agent role allow t vault:west`},
		"the whole":    {`{ "desk", "vault:east", "vault" }`, `denied: grant \"vault\" is declared but not allowed here: borealis-agent role allow t vault`},
		"another part": {`{ "desk", "vault:east", "vault:north" }`, `add \"vault:west\" to ROLE_GRANTS; grant \"vault:north\" is declared but not allowed here`},
		"no part":      {`{ "desk", "vault:east" }`, `add \"vault:west\" to ROLE_GRANTS"`},
	} {
		t.Run(name, func(t *testing.T) {
			if said, _, _ := withheld(t, tc.declared, []string{"desk", "vault:east"}, call); !strings.Contains(said, tc.want) {
				t.Errorf("said %s", said)
			}
		})
	}
}

func TestWhatIsGrantedWorksBesideWhatIsNot(t *testing.T) {
	if said, _, _ := withheld(t, `{ "desk", "vault:east", "vault:west" }`, []string{"desk", "vault:east"}, "desk.say(vault.open('east'))"); said != `"east"` {
		t.Errorf("said %s", said)
	}
}

func TestACommandIsSafeToPaste(t *testing.T) {
	for grant, want := range map[string]string{
		"http:api.example.org":  "http:api.example.org",
		"fs.read:/a b":          "'fs.read:/a b'",
		`fs.read:C:\x`:          `'fs.read:C:\x'`,
		"process:$(reboot)":     "'process:$(reboot)'",
		"process:x'; reboot; '": "GRANT",
		"process:x\nreboot":     "GRANT",
		"process:\x1b[2J":       "GRANT",
	} {
		if got := allowCommand("t", []string{grant}); got != "borealis-agent role allow t "+want {
			t.Errorf("%q: %s", grant, got)
		}
	}
}
