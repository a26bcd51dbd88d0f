package reload

import (
	"context"
	"io/fs"
	"log/slog"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// watch turns notifications into hints: each means no more than "look soon". Mapped writes, hard links, a replaced
// directory and an overflow give no or wrong notifications, so the reloader also looks without hints. A system that
// gives none at all (no inotify instances left, a network file system) is slower, not broken.
func watch(ctx context.Context, dir string, log *slog.Logger) (<-chan struct{}, error) {
	hints := make(chan struct{}, 1)
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("no notifications of changed roles; looking now and then instead", "error", err)
		return hints, nil
	}
	follow(w, dir)
	go func() {
		defer w.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case ev := <-w.Events:
				if ev.Has(fsnotify.Create) || ev.Has(fsnotify.Rename) || ev.Has(fsnotify.Remove) {
					follow(w, dir) // a directory may have come, or come back
				}
			case err := <-w.Errors:
				log.Debug("notifications", "error", err)
			}
			select {
			case hints <- struct{}{}:
			default:
			}
		}
	}()
	return hints, nil
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
