package logs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

const (
	lockName = ".rotate.lock"
	lockWait = 250 * time.Millisecond // a turn takes microseconds; a process that was stopped holding the lock must not hold us
	lockPoll = 5 * time.Millisecond
	turnWait = 10 * time.Second // until the next try after a turn that could not be made
	lookWait = time.Second      // between two looks at whether the name is still our file
	maxTurns = 1000             // rotated files of one day
)

// file is one log file, which other processes may be writing too.
//
// How several writers turn it over without losing a line: a line is one append, and an open file keeps its bytes
// when it is renamed, so a writer that has not noticed midnight yet goes on in the rotated file, where its lines
// belong. The first line of a new day makes its writer take a lock; it then reads from the file's first line which
// day the file is of, renames it if that is not today, opens the name anew, and writes, all under the lock. Whoever
// comes next finds a file of today. A file thus begins with a line of its day; nobody makes an empty one.
type file struct {
	dir, name string // name is relative to dir, with slashes

	f      *os.File
	day    string    // our date when f was opened
	looked time.Time // when f was last seen to be the file of that name
	retry  time.Time // no turn is tried before
	torn   bool      // the file ends in half a line
	lost   int       // lines that could not be written since the last one that could
	cause  error
}

// append writes one line, turning the file over first when its day is past. A line that fails is counted, and
// announced in front of the next one that does not.
func (f *file) append(now time.Time, line []byte) error {
	err := f.try(now, f.preface(now, line))
	if err != nil {
		f.lost++
		f.cause = err
		return err
	}
	f.lost, f.cause = 0, nil
	return nil
}

// preface puts the count of lost lines in front of line.
func (f *file) preface(now time.Time, line []byte) []byte {
	if f.lost == 0 {
		return line
	}
	notice := append(prefix(now, "logs"), fmt.Sprintf("lines lost level=WARN count=%d cause=", f.lost)...)
	notice = append(appendText(notice, f.cause.Error(), false), '\n')
	return append(notice, line...)
}

func (f *file) try(now time.Time, line []byte) error {
	if f.f != nil && !f.stale(now) {
		return f.put(line)
	}
	root, err := f.root()
	if err != nil {
		return err
	}
	defer root.Close()
	unlock, locked := lock(root)
	defer unlock()
	turned := locked && f.turn(root, now)
	if err := f.reopen(root); err != nil {
		return err
	}
	f.looked, f.day = now, now.Format(time.DateOnly)
	if !turned {
		f.retry = now.Add(turnWait)
		f.day = ""
	}
	return f.put(line)
}

// put is the one place that writes: one append per line, so that lines of several processes do not mix.
func (f *file) put(line []byte) error {
	if f.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := f.f.Write(line)
	if err != nil {
		f.torn = f.torn || n > 0
		return errors.Join(err, f.close())
	}
	f.torn = false
	return nil
}

// stale reports whether the open file may not be the right one any more: the day has changed, or somebody has
// renamed or removed it.
func (f *file) stale(now time.Time) bool {
	wait := f.retry.Sub(now) // more than turnWait means that the clock was set back since
	if now.Format(time.DateOnly) != f.day && (wait <= 0 || wait > turnWait) {
		return true
	}
	if since := now.Sub(f.looked); since >= 0 && since < lookWait {
		return false
	}
	f.looked = now
	ours, err := f.f.Stat()
	if err != nil {
		return true
	}
	named, err := os.Lstat(filepath.Join(f.dir, filepath.FromSlash(f.name)))
	return err != nil || !os.SameFile(ours, named)
}

// root opens the folder and makes what is missing of it. Everything happens inside it, so that a link that
// somebody planted there leads nowhere else.
func (f *file) root() (*os.Root, error) {
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(f.dir)
	if err != nil {
		return nil, err
	}
	if sub := path.Dir(f.name); sub != "." {
		if err := root.MkdirAll(sub, 0o750); err != nil {
			return nil, errors.Join(err, root.Close())
		}
	}
	return root, nil
}

// turn renames a file of another day, and reports whether the name is free for today's lines, or is today's already.
func (f *file) turn(root *os.Root, now time.Time) bool {
	day, err := f.begins(root)
	if err != nil || day == "" || day == now.Format(time.DateOnly) {
		return err == nil
	}
	// A process in another time zone, or a clock set back a little, meets a file of tomorrow. To rotate it would
	// make the two sides do so in turns; a file from further ahead was written under a wrong clock.
	if day == now.AddDate(0, 0, 1).Format(time.DateOnly) {
		return true
	}
	for n := range maxTurns {
		old := f.name + "." + day
		if n > 0 {
			old = fmt.Sprintf("%s.%d", old, n)
		}
		if _, err := root.Lstat(old); errors.Is(err, fs.ErrNotExist) {
			err := root.Rename(f.name, old)
			f.torn = f.torn && err != nil
			return err == nil
		}
	}
	return false
}

// begins says which day the file is of: by the stamp of its first line, else by its time of change; "" when there is
// no line yet. It notes a last line without an end, left by a writer that was killed.
func (f *file) begins(root *os.Root) (string, error) {
	f.torn = false
	info, err := root.Lstat(f.name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	old, err := f.open(root, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer old.Close()
	last := make([]byte, 1)
	if _, err := old.ReadAt(last, info.Size()-1); err == nil {
		f.torn = last[0] != '\n'
	}
	first := make([]byte, len(time.DateOnly))
	if _, err := io.ReadFull(old, first); err == nil {
		if day, err := time.Parse(time.DateOnly, string(first)); err == nil {
			return day.Format(time.DateOnly), nil
		}
	}
	return info.ModTime().Format(time.DateOnly), nil
}

func (f *file) reopen(root *os.Root) error {
	next, err := f.open(root, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return err
	}
	err = f.close()
	f.f = next
	return err
}

// open opens the file inside root, and nothing but a plain file: no link, no FIFO, no device.
func (f *file) open(root *os.Root, flag int) (*os.File, error) {
	if info, err := root.Lstat(f.name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("log %q is no plain file: %v", f.name, info.Mode().Type())
	}
	opened, err := root.OpenFile(f.name, flag|nonblock, 0o640)
	if err != nil {
		return nil, err
	}
	named, err := root.Lstat(f.name)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	if info, err := opened.Stat(); err != nil || !info.Mode().IsRegular() || !os.SameFile(info, named) {
		return nil, errors.Join(fmt.Errorf("log %q changed while it was opened", f.name), err, opened.Close())
	}
	return opened, nil
}

// prove makes the folder, and fails if an existing file could not be appended to.
func (f *file) prove() error {
	root, err := f.root()
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := root.Lstat(f.name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	old, err := f.open(root, os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return err
	}
	return old.Close()
}

func (f *file) close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}

// lock takes the folder's lock, waiting a bounded time, and returns how to give it back. Without it nothing is
// renamed; lines are written all the same.
func lock(root *os.Root) (unlock func(), held bool) {
	f, err := root.OpenFile(lockName, os.O_CREATE|os.O_RDWR|nonblock, 0o640)
	if err != nil {
		return func() {}, false
	}
	unlock = func() { _ = f.Close() }
	for deadline := time.Now().Add(lockWait); ; time.Sleep(lockPoll) {
		held, err := tryLock(f)
		if held || err != nil || time.Now().After(deadline) {
			return unlock, held
		}
	}
}
