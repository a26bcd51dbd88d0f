package http

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	nethttp "net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

func TestBodiesAreBounded(t *testing.T) {
	r := newRole(t)
	for name, target := range map[string]string{"length told": serve(t, send(100, true)), "length not told": serve(t, send(100, false))} {
		t.Run(name, func(t *testing.T) {
			for most, code := range map[float64]string{0: "too_large", 99: "too_large", 100: "", 101: ""} {
				var to bytes.Buffer
				for _, o := range []opts{{"max_bytes": most}, {"max_bytes": most, "to": r.handle(&to)}} {
					if code != "" {
						r.refused(code, "get", target, o)
					} else if got := r.must("get", target, o); got["size_bytes"] != 100.0 {
						t.Errorf("max_bytes %v: %v", most, got)
					}
				}
				if float64(to.Len()) > most {
					t.Errorf("max_bytes %v: %d bytes were written", most, to.Len())
				}
			}
		})
	}
	r.must("get", serve(t, send(maxBody, false)))
	r.refused("too_large", "get", serve(t, send(maxBody+1, false)))
	r.refused("too_large", "get", serve(t, send(maxBody+1, true)))
	if got := r.must("request", "HEAD", serve(t, send(maxBody+1, true))); got["size_bytes"] != 0.0 {
		t.Errorf("HEAD: %v", got)
	}
	r.must("get", serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.WriteHeader(204) }), opts{"max_bytes": 0.0})
}

// send answers with n bytes.
func send(n int64, tellLength bool) nethttp.HandlerFunc {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		if tellLength {
			w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		}
		_, _ = io.CopyN(w, zeros{}, n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestACompressedBodyCountsAsItIs(t *testing.T) {
	bomb := gzipBomb(t)
	target := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb)
	})
	r := newRole(t)
	grown := growth(t, func(func()) {
		r.refused("too_large", "get", target)
		r.refused("too_large", "get", target, opts{"to": r.handle(new(counter)), "max_bytes": 1e6})
	})
	if grown > 100<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	if got := r.must("get", target, opts{"headers": opts{"accept-encoding": "gzip"}}); got["size_bytes"] != float64(len(bomb)) {
		t.Errorf("as it was sent: %v bytes", got["size_bytes"])
	}
}

// gzipBomb is 1 GB of zeros in 1 MB: what gzip joins is one file again when it is opened.
func gzipBomb(t *testing.T) []byte {
	t.Helper()
	var one bytes.Buffer
	w := gzip.NewWriter(&one)
	if _, err := io.CopyN(w, zeros{}, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(one.Bytes(), 1<<10)
}

// growth is the most that the heap grew by at any of the looks that f takes.
func growth(t *testing.T, f func(look func())) (most uint64) {
	t.Helper()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	look := func() {
		runtime.ReadMemStats(&now)
		if now.HeapAlloc > before.HeapAlloc {
			most = max(most, now.HeapAlloc-before.HeapAlloc)
		}
	}
	f(look)
	look()
	return most
}

// counter is a file that only counts.
type counter struct {
	n    int64
	look func()
	seen int64
}

func (c *counter) Write(p []byte) (int, error) {
	if c.n += int64(len(p)); c.look != nil && c.n-c.seen > 16<<20 {
		c.seen = c.n
		c.look()
	}
	return len(p), nil
}

func TestALargeFileIsStreamedBothWays(t *testing.T) {
	const size = 200 << 20
	r := newRole(t)
	path := filepath.Join(t.TempDir(), "large")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	down := serve(t, send(size, true))
	grown := growth(t, func(look func()) {
		to := struct{ io.Writer }{io.MultiWriter(file, &counter{look: look})}
		if got := r.must("get", down, opts{"to": r.handle(to), "timeout": 0.0}); got["body"] != "" || got["size_bytes"] != float64(size) {
			t.Errorf("got %v", got)
		}
	})
	if is, err := file.Stat(); err != nil || is.Size() != size {
		t.Fatalf("%v, %v", is, err)
	}

	arrived := make(chan [2]int64, 1)
	grownToo := growth(t, func(look func()) {
		up := serve(t, func(_ nethttp.ResponseWriter, req *nethttp.Request) {
			n, _ := io.Copy(&counter{look: look}, req.Body)
			arrived <- [2]int64{n, req.ContentLength}
		})
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		r.must("post", up, opts{"body_file": r.handle(sized{file, size}), "timeout": 0.0})
	})
	if got := <-arrived; got != [2]int64{size, size} {
		t.Errorf("arrived: %v", got)
	}
	if grown > 32<<20 || grownToo > 32<<20 {
		t.Errorf("memory grew by %d and %d bytes", grown, grownToo)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

// sized is a file that knows how much of it is left.
type sized struct {
	io.Reader
	n int64
}

func (s sized) Remaining() (int64, error) { return s.n, nil }

func TestFileBodies(t *testing.T) {
	r := newRole(t)
	target, arrived := listener(t)
	for name, c := range map[string]struct {
		file   any
		body   string
		length int64
	}{
		"length known":   {sized{strings.NewReader("abc"), 3}, "abc", 3},
		"length unknown": {strings.NewReader("abc"), "abc", -1},
		"empty":          {sized{strings.NewReader(""), 0}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			r.must("post", target, opts{"body_file": r.handle(c.file)})
			if got := <-arrived; got.body != c.body || got.length != c.length {
				t.Errorf("arrived: %+v", got)
			}
		})
	}
}

func TestAFileThatChangesMeanwhile(t *testing.T) {
	target, arrived := listener(t)
	r := newRole(t)
	r.must("post", target, opts{"body_file": r.handle(sized{strings.NewReader("abcdef"), 3})})
	if got := <-arrived; got.body != "abc" {
		t.Errorf("of a file that grew arrived: %+v", got)
	}
	r.refused("failed", "post", target, opts{"body_file": r.handle(sized{strings.NewReader("abc"), 6})})
}

func TestOnlyWhatWasWantedGoesIntoTheFile(t *testing.T) {
	r := newRole(t)
	target := serve(t, func(w nethttp.ResponseWriter, req *nethttp.Request) {
		status, _ := strconv.Atoi(req.URL.Path[1:])
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "the body")
	})
	for status, inFile := range map[string]bool{"200": true, "206": true, "404": false, "500": false, "302": false} {
		var file bytes.Buffer
		got := r.must("get", target+"/"+status, opts{"to": r.handle(&file)})
		if (file.String() == "the body") != inFile || (got["body"] == "the body") == inFile || got["size_bytes"] != 8.0 {
			t.Errorf("%s: %v, file %q", status, got, file.String())
		}
	}
}

// failing is a file in trouble.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestTroubleWithAFileKeepsItsCode(t *testing.T) {
	r := newRole(t)
	target := serve(t, func(w nethttp.ResponseWriter, req *nethttp.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(w, "x")
	})
	for code, err := range map[string]error{
		"full": bindings.Fail("full", "no space"), "misuse": bindings.Misused("open for writing"), "failed": errors.New("odd"),
	} {
		r.refused(code, "get", target, opts{"to": r.handle(failing{err})})
		r.refused(code, "post", target, opts{"body_file": r.handle(failing{err})})
	}
}

// TestNothingReadsTheFileAfterTheAnswer has a server answer before it has read the body. The race detector sees a
// read that comes too late.
func TestNothingReadsTheFileAfterTheAnswer(t *testing.T) {
	r := newRole(t)
	target := serve(t, func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.WriteHeader(nethttp.StatusRequestEntityTooLarge) })
	for range 20 {
		file := &endless{}
		out, err := r.call(t.Context(), "post", target, opts{"body_file": r.handle(file)})
		file.n = 0
		if err == nil && out["status"] != 413.0 || err != nil && codeOf(err) != "broken" {
			t.Errorf("%v, %v", out, err)
		}
	}
}

type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	e.n += len(p)
	return len(p), nil
}
