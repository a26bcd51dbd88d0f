package settings

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxFile bounds what is read from a file of the tree: the largest, a certificate bundle, has a few kilobytes.
const maxFile = 1 << 20

const tempMark = ".tmp-"

// writeFile puts data at path, whole or not at all and for its owner only: a temporary file beside it, made 0600,
// is filled, synced and renamed over it. After a crash either the old or the new content stands there.
func writeFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(path)+tempMark+"*")
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %q: %w", path, err), remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err = replace(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// readFile reads a file of the tree. A missing one is fs.ErrNotExist; one past maxFile is refused.
func readFile(path string) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read %q: larger than %d bytes", path, maxFile)
	}
	return data, nil
}

// readText reads a one-value text file without its byte order mark and the blanks around it, "" when it is missing.
func readText(path string) (string, error) {
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return trimText(string(data)), err
}

func trimText(s string) string { return strings.TrimSpace(strings.TrimPrefix(s, "\ufeff")) }

// remove removes a file; one that is already gone is no error.
func remove(path string) error {
	if err := removeFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes the temporary files that a killed process left in dir. An hour leaves alone whatever another
// process is writing at the moment.
func sweep(dir string, now time.Time) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (%w)", ErrForeign, err)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !strings.HasPrefix(e.Name(), ".") || !strings.Contains(e.Name(), tempMark) {
			continue
		}
		if now.Sub(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(dir, e.Name())) // the next start tries again
		}
	}
	return nil
}
