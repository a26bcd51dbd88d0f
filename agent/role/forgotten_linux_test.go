package role

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings/process"
	"github.com/bunny-lab-io/borealis-agent/bindings/timer"
)

func TestWhatARoleForgetsIsClosedAndNamed(t *testing.T) {
	for name, tc := range map[string]struct{ stop, want string }{
		"forgets":   {"", `left="1 process.Child sleep, 2 timer.Timer"`},
		"remembers": {"function Role:stop_all() self.a:cancel() self.b:cancel() self.child:kill() self.child:close() end", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o, cfg := newOffice(t)
			cfg.Bindings = append(cfg.Bindings, timer.Binding, process.Binding)
			src := source(on(`self.a, self.b = timer.every(60, print), timer.after(60, print)
				self.child = assert(process.start({ "sleep", "300" })) desk.say(self.child:pid())`) + tc.stop)
			src.Text = []byte(strings.Replace(string(src.Text), `{ "desk" }`, `{ "desk", "process" }`, 1))
			r, err := Start(t.Context(), cfg, src)
			if err != nil {
				t.Fatal(err)
			}
			deliver(t, r, "{}")
			var pid int
			select {
			case said := <-o.emitted:
				fmt.Sscan(string(said.Data), &pid)
			case err := <-o.lost:
				t.Fatal(err)
			}
			if err := r.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid)); pid == 0 || err == nil {
				t.Errorf("child %d is left", pid)
			}
			if said := strings.Contains(o.logged(), "left things open"); said != (tc.want != "") || !strings.Contains(o.logged(), tc.want) {
				t.Error(o.logged())
			}
		})
	}
}
