package logs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestHiddenSecretsAreMaskedWhateverTheyAreCalled(t *testing.T) {
	const quoted = "p\"a\\s\n<wörd>\x07"
	dir, echo := t.TempDir(), new(bytes.Buffer)
	l := open(t, dir, newClock("2026-02-03 10:11:12"), echo)
	l.Hide(canary, quoted, "short")
	for _, secret := range []string{canary, quoted} {
		l.Logger().Error("said "+secret, "site", secret, "err", errors.New("x "+secret), secret, 1)
		l.Service("rdp").With("site", secret).Info("x", "env", map[string]string{"SITE": secret}, "list", []string{"a" + secret + "b"})
		l.Logger().Info("JSON in a text", "text", `{"a":"`+strings.TrimSpace(secret)+`"}`)
	}
	l.Logger().Info("short words stay")
	all := echo.String() + texts(l)
	for _, f := range []string{"agent.log", "agent.error.log", "rdp.log"} {
		all += read(t, dir, f)
	}
	for _, part := range []string{canary, `p"a`, `p\"a`, "wörd"} {
		if strings.Contains(all, part) {
			t.Errorf("%q is told:\n%s", part, all)
		}
	}
	if !strings.Contains(all, "short words stay") {
		t.Errorf("a word is hidden:\n%s", all)
	}
	for line := range strings.Lines(echo.String()) {
		harmless(t, line)
	}
}

func TestOnlyTheLastSecretsAreHidden(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, newClock("2026-02-03 10:11:12"), nil)
	for i := range maxHidden + 1 {
		l.Hide(fmt.Sprintf("secret-%03d", i), fmt.Sprintf("secret-%03d", i))
	}
	l.Logger().Info("secret-000 secret-001 secret-256")
	if got := read(t, dir, "agent.log"); !strings.HasSuffix(got, "-agent-secret-000 *** ***\n") {
		t.Errorf("got %q", got)
	}
}
