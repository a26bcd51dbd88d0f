//go:build unix

package reload

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bunny-lab-io/borealis-agent/agent/wire"
)

var seed = flag.Uint64("seed", 0, "seed of the random saves; 0 takes another each time")

// TestAThousandSaves saves as people and programs do, faster than saves can settle, while events arrive. Every event
// that a role was asked to handle is handled once, and in the end what is on disk is what runs.
func TestAThousandSaves(t *testing.T) {
	s := newStorm(t)
	stream := s.stream(5 * time.Millisecond)
	for range 1000 {
		s.save(s.sheets[s.rand.IntN(len(s.sheets))])
		time.Sleep(s.some(50 * time.Millisecond))
	}
	for _, sheet := range s.sheets {
		s.rests(sheet)
	}
	stream.stop()
	for _, sheet := range s.sheets {
		s.answersLast(sheet)
	}
	s.until(s.sheets[0].file, func(Status) bool { return s.alive.Load() <= 4 && s.kept.Load() == s.alive.Load() })
	if most := s.most.Load(); most > 8 {
		t.Errorf("%d versions of 4 roles lived at once", most)
	}
}

// sheet is a role's file, and what was last done to it.
type sheet struct {
	file, event string
	text        string // "" when the file is away
	good        bool
	word        string // what a good one says
	versions    int
}

// storm is a folder in which nothing rests.
type storm struct {
	*folder
	rand   *rand.Rand
	sheets []*sheet
}

func newStorm(t *testing.T) *storm {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed %d", *seed)
	s := &storm{folder: watchFolder(t), rand: rand.New(rand.NewPCG(*seed, 0))}
	s.table.Refused = func(_ wire.Event, _ string, err error) { s.lost <- err }
	for _, name := range []string{"a", "b", "c", "d"} {
		sheet := &sheet{file: "role_" + name + ".lua", event: "ask_" + name}
		s.sheets = append(s.sheets, sheet)
		s.next(sheet)
		s.folder.save(sheet.file, sheet.text)
	}
	for _, sheet := range s.sheets {
		s.rests(sheet)
	}
	return s
}

func (s *storm) some(most time.Duration) time.Duration {
	return time.Duration(s.rand.Int64N(int64(most)))
}

func (s *storm) path(sheet *sheet) string { return filepath.Join(s.dir, sheet.file) }

// next makes the text of another good version, now and then under another name.
func (s *storm) next(sheet *sheet) {
	sheet.versions++
	name := strings.TrimPrefix(sheet.event, "ask_") + []string{"", "", "", "_too"}[s.rand.IntN(4)]
	sheet.word, sheet.good = fmt.Sprintf("%s version %d ", sheet.event, sheet.versions), true
	sheet.text = strings.Replace(saying(name, sheet.word), `"ask"`, strconv.Quote(sheet.event), 1)
	sheet.text = strings.Replace(sheet.text, "function(ev)", "function(ev) timer.sleep(0.02)", 1) // some are always under way
	sheet.text = strings.Replace(sheet.text, "(events)\n", "(events)\n  desk.keep() timer.every(0.05, function() end)\n", 1)
	sheet.text = strings.Repeat("-- of some length\n", s.rand.IntN(500)) + sheet.text
}

// spoil makes the text of another version one that cannot serve.
func (s *storm) spoil(sheet *sheet) {
	s.next(sheet)
	sheet.good = false
	switch whole := sheet.text; s.rand.IntN(4) {
	case 0:
		sheet.text = whole[:s.rand.IntN(strings.LastIndex(whole, "Role"))] // cut short
	case 1:
		sheet.text = strings.Replace(whole, "function(ev)", "function(ev", 1)
	case 2:
		sheet.text = strings.Replace(whole, "return Role", "error('no') return Role", 1)
	case 3:
		sheet.text = strings.Replace(whole, "ROLE_NAME", "ROLE_NAMES", 1)
	}
}

// save does something to a file.
func (s *storm) save(sheet *sheet) {
	s.t.Helper()
	var err error
	switch s.rand.IntN(8) {
	case 0: // touched
		now := time.Now()
		if err = os.Chtimes(s.path(sheet), now, now); sheet.text == "" {
			err = nil
		}
	case 1:
		err = away(s.path(sheet))
		sheet.text, sheet.good = "", false
	case 2: // and back
		if err = away(s.path(sheet)); sheet.text != "" {
			time.Sleep(s.some(40 * time.Millisecond))
			err = errors.Join(err, os.WriteFile(s.path(sheet), []byte(sheet.text), 0o644))
		}
	case 3, 4:
		s.spoil(sheet)
		err = s.write(sheet)
	case 5:
		err = s.checkOut()
	default:
		s.next(sheet)
		err = s.write(sheet)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// checkOut replaces every file as git does, one right after the other.
func (s *storm) checkOut() error {
	var errs []error
	for _, sheet := range s.sheets {
		s.next(sheet)
		errs = append(errs, away(s.path(sheet)), create(s.path(sheet), sheet.text))
	}
	return errors.Join(errs...)
}

// write saves a file as one of the editors does.
func (s *storm) write(sheet *sheet) error {
	path, text := s.path(sheet), sheet.text
	switch s.rand.IntN(6) {
	case 0: // vim: the old file goes aside, the new one is written, the old one goes
		return errors.Join(aside(path), create(path, text), away(path+"~"))
	case 1: // emacs: a lock that is a link to nowhere, a backup that stays, the new file
		lock := filepath.Join(s.dir, ".#"+sheet.file)
		return errors.Join(os.Symlink("somebody@host.1", lock), aside(path), create(path, text), os.Remove(lock))
	case 2: // VS Code: emptied and written in pieces
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		half := s.rand.IntN(len(text) + 1)
		_, first := f.WriteString(text[:half])
		time.Sleep(s.some(30 * time.Millisecond))
		_, second := f.WriteString(text[half:])
		return errors.Join(first, second, f.Close())
	case 3: // sed -i: a file beside it is renamed over it
		beside := filepath.Join(s.dir, "sed"+strconv.Itoa(sheet.versions))
		return errors.Join(create(beside, text), os.Rename(beside, path))
	case 4:
		return s.publish(sheet)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// publish saves a file as Kubernetes does: the name is a link through a link to a directory, and the middle one is
// replaced.
func (s *storm) publish(sheet *sheet) error {
	data := "..data_" + sheet.event
	dir := fmt.Sprintf("..%s_%d", sheet.event, sheet.versions)
	before, first := os.Readlink(filepath.Join(s.dir, data))
	err := errors.Join(
		os.Mkdir(filepath.Join(s.dir, dir), 0o755),
		create(filepath.Join(s.dir, dir, sheet.file), sheet.text),
		s.point(data, dir),
		s.point(sheet.file, filepath.Join(data, sheet.file)),
	)
	if first == nil {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, before)))
	}
	return err
}

// point makes a name a link to a target, in one step.
func (s *storm) point(name, target string) error {
	temporary := filepath.Join(s.dir, "..tmp")
	return errors.Join(os.Symlink(target, temporary), os.Rename(temporary, filepath.Join(s.dir, name)))
}

func create(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// away removes a file that may be there.
func away(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func aside(path string) error {
	if err := os.Rename(path, path+"~"); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// rests waits until what is on disk is what runs, or is what is said to be refused.
func (s *storm) rests(sheet *sheet) {
	s.t.Helper()
	version := file{sum: sum(sheet.text)}.version()
	s.until(sheet.file, func(now Status) bool {
		switch {
		case sheet.text == "":
			return now.State == Stopped
		case sheet.good:
			return now.State == Running && now.Version == version && now.Refusal == nil
		case now.State == Running:
			return now.Refusal != nil && now.Refusal.Version == version
		}
		return now.State == Refused && now.Version == version
	})
}

// answersLast asks a role that should serve for its word.
func (s *storm) answersLast(sheet *sheet) {
	s.t.Helper()
	asked := s.table.Dispatch(wire.Event{Name: sheet.event, Data: []byte(`{"n":"last"}`)})
	switch {
	case sheet.text == "" && asked != 0:
		s.t.Errorf("%s is gone and was asked", sheet.file)
	case sheet.good:
		if said := <-s.said; said != sheet.word+"last" {
			s.t.Errorf("%s says %q, not %q", sheet.file, said, sheet.word)
		}
	case asked != 0:
		<-s.said
	}
}

// stream is events that arrive steadily, and what became of them.
type stream struct {
	storm   *storm
	ended   chan struct{}
	sending sync.WaitGroup
	asked   map[string]bool // the last words of the answers that are due
	unasked int
}

// stream sends an event to one of the roles after each pause.
func (s *storm) stream(pause time.Duration) *stream {
	st := &stream{storm: s, ended: make(chan struct{}), asked: map[string]bool{}}
	tick := time.NewTicker(pause)
	st.sending.Go(func() {
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
				st.send(i)
			case <-st.ended:
				return
			}
		}
	})
	return st
}

func (st *stream) send(i int) {
	sheet := st.storm.sheets[i%len(st.storm.sheets)]
	switch n := st.storm.table.Dispatch(wire.Event{Name: sheet.event, Data: fmt.Appendf(nil, `{"n":%d}`, i)}); n {
	case 0:
		st.unasked++
	case 1:
		st.asked[strconv.Itoa(i)] = true
	default:
		st.storm.t.Errorf("event %d was taken by %d roles", i, n)
	}
}

// stop ends the stream and checks that every event which a role took was handled once.
func (st *stream) stop() {
	t := st.storm.t
	t.Helper()
	close(st.ended)
	st.sending.Wait()
	t.Logf("%d events were taken, %d met no role", len(st.asked), st.unasked)
	patience := time.After(20 * time.Second)
	for len(st.asked) > 0 {
		select {
		case said := <-st.storm.said:
			n := said[strings.LastIndexByte(said, ' ')+1:]
			if !st.asked[n] {
				t.Fatalf("%q was said twice, or of nothing", said)
			}
			delete(st.asked, n)
		case err := <-st.storm.lost:
			t.Fatalf("an event was lost: %v", err)
		case <-patience:
			t.Fatalf("%d events came to nothing", len(st.asked))
		}
	}
	select {
	case said := <-st.storm.said:
		t.Fatalf("%q was said twice", said)
	case err := <-st.storm.lost:
		t.Fatalf("an event was lost: %v", err)
	default:
	}
}
