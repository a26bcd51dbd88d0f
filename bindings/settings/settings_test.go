package settings

import (
	"reflect"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
)

func TestARoleReadsWhatIsSetForIt(t *testing.T) {
	host := hosttest.New(t.TempDir())
	set, err := bindings.Open(host, []bindings.Binding{Binding}, nil)
	if err != nil {
		t.Fatal(err)
	}
	get := func(name string) any {
		v, err := set.Call(t.Context(), bindings.Call{Module: "settings", Func: "get", Args: []any{name}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := get("minutes"); v != nil {
		t.Errorf("unset: %v", v)
	}
	host.Where.Settings = map[string]any{"minutes": 5.0, "hosts": []any{"a", map[string]any{"b": true}}}
	if v := get("minutes"); v != 5.0 {
		t.Errorf("%v", v)
	}
	if v := get("hosts"); !reflect.DeepEqual(v, []any{"a", map[string]any{"b": true}}) {
		t.Errorf("%v", v)
	}
}
