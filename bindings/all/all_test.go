package all

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
	"github.com/bunny-lab-io/borealis-agent/bindings/hosttest"
	"github.com/bunny-lab-io/borealis-agent/bindings/pure"
)

// RunExample runs one example of a face against the fake host. It is exported so that a file of package all_test can
// set it: what runs Lua imports this package. Where it is nil, an example only has to be Lua.
var RunExample func(t *testing.T, b bindings.Binding, code string)

// types is where role authors' editors find the faces.
const types = "../../luaroles/types"

func TestEveryBinding(t *testing.T) {
	for _, b := range List() {
		t.Run(b.Name, func(t *testing.T) {
			instance, err := b.Open(hosttest.New(t.TempDir(), b.Grant))
			if errors.Is(err, bindings.ErrUnsupported) {
				t.Skip("not on this machine, so its Go cannot be looked at")
			}
			if err != nil {
				t.Fatal(err)
			}
			if instance.Close != nil {
				t.Cleanup(func() { _ = instance.Close() })
			}
			for _, complaint := range complaints(b, instance) {
				t.Error(complaint)
			}
			if RunExample == nil {
				return
			}
			for _, e := range readFace(b.Name+".lua", b.Face).examples {
				t.Run(fmt.Sprintf("line %d", e.line), func(t *testing.T) { RunExample(t, b, e.code) })
			}
		})
	}
}

func TestTheEditorsCopyIsTheFace(t *testing.T) {
	for _, b := range List() {
		copied, err := os.ReadFile(filepath.Join(types, b.Name+".lua"))
		if err != nil || string(copied) != b.Face {
			t.Errorf("%s.lua in luaroles/types is not the face (%v): run make types", b.Name, err)
		}
	}
}

func TestThePureOnesAreListedAsPure(t *testing.T) {
	var want, got []string
	for _, b := range List() {
		if b.Pure {
			want = append(want, b.Name)
		}
	}
	for _, b := range pure.List() {
		got = append(got, b.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("bindings/pure lists %q, pure are %q", got, want)
	}
}

func TestNamesAreUniqueAndSorted(t *testing.T) {
	var names []string
	for _, b := range List() {
		names = append(names, b.Name)
	}
	if sorted := slices.Compact(slices.Sorted(slices.Values(names))); !slices.Equal(names, sorted) {
		t.Errorf("%q", names)
	}
}
