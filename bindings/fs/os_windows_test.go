package fs

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestWindowsSpellings(t *testing.T) {
	folder := layOut(t, map[string]string{"g/f": "inside", "g/d/f": "inside", "out/f": "secret"})
	r := newRole(t, folder, "fs.read:%s/g", "fs.write:%s/g")
	for _, path := range []string{`\g\f`, `/g/f`, `\g\d/f`, `\g\.\d\\f`, `\G\D\F`, `/g/D/f`} {
		if got := r.must("read", folder+path); got != "inside" {
			t.Errorf("read %s: %q", path, got)
		}
	}
	for _, path := range []string{
		`\\server\share\f`, `//server/share/f`, `\\?\` + folder + `\g\f`, `\\.\pipe\x`, `\??\C:\x`, `\rooted`, `/rooted`, `C:f`, `C:`,
		folder + `\g\f:stream`, folder + `\g\f::$DATA`, `f:stream`, folder + `\g\f.`, folder + `\g\f `, folder + `\g\d.\f`,
		folder + `\g\NUL`, folder + `\g\con.txt`, "COM1", `d\LPT1`, folder + `\G~1\f`, folder + `\g\a?`,
		`..\f`, folder + `\g\..\out\f`, folder + `/g/../out/f`, `a/..\..\f`,
	} {
		for _, function := range []string{"read", "stat", "list", "open", "remove", "mkdir"} {
			r.refused("bad_path", function, path)
		}
		r.refused("bad_path", "write", path, "x")
		r.refused("bad_path", "append", path, "x")
	}
	r.refused("denied", "read", folder+`\out\f`)
	r.refused("denied", "read", folder+`\gx\f`)
}

func TestAHeldFileIsReplacedOnceItIsLetGo(t *testing.T) {
	r := newRole(t, "", "fs")
	r.must("write", "f", "old")
	// Opened as Windows opens by default: others may neither rename nor remove it.
	held, err := os.Open(filepath.Join(r.data, "f"))
	if err != nil {
		t.Fatal(err)
	}
	stop := time.AfterFunc(renamePause, func() { _ = held.Close() })
	defer stop.Stop()
	r.must("write", "f", "new")
	if got := r.must("read", "f"); got != "new" {
		t.Errorf("read %q", got)
	}
}

// belowAFile is the code for a path that goes through a file.
const belowAFile = "not_found"
