package reload

import (
	"context"
	"io/fs"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// watch turns notifications into hints: each means no more than "look soon". Mapped writes, hard links, a replaced
// directory and an overflow give no or wrong notifications, so the reloader also looks without hints. A system that
// gives none at all (no inotify instances left, a network file system) is slower, not broken.
func (r *Reloader) watch(ctx context.Context) <-chan struct{} {
	hints := make(chan struct{}, 1)
	w, err := fsnotify.NewWatcher()
	if err != nil {
		r.cfg.Log.Warn("no notifications of changed roles; looking now and then instead", "error", err)
		return hints
	}
	follow(w, r.cfg.Dir)
	r.running.Go(func() {
		defer w.Close()
		for r.hint(ctx, w) {
			select {
			case hints <- struct{}{}:
			default:
			}
		}
	})
	return hints
}

// hint waits for a notification; false when there is nothing more to wait for.
func (r *Reloader) hint(ctx context.Context, w *fsnotify.Watcher) bool {
	select {
	case <-ctx.Done():
		return false
	case ev := <-w.Events:
		if ev.Has(fsnotify.Create) || ev.Has(fsnotify.Rename) || ev.Has(fsnotify.Remove) {
			follow(w, r.cfg.Dir) // a directory may have come, or come back
		}
	case err := <-w.Errors:
		r.cfg.Log.Debug("notifications", "error", err)
	}
	return true
}

// follow watches the directory and those of its helpers. What cannot be watched yet is found by looking.
func follow(w *fsnotify.Watcher, dir string) {
	_ = w.Add(dir)
	_ = filepath.WalkDir(filepath.Join(dir, "lib"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return w.Add(path)
		}
		return nil
	})
}
