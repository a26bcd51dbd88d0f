package fs

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// How often and after which pause a file that somebody else holds is tried to be replaced.
const (
	renameTries = 20
	renamePause = 20 * time.Millisecond
)

// readOptions are the options of read.
type readOptions struct {
	MaxBytes int64 `lua:"max_bytes" default:"10485760"`
}

func (m *module) read(ctx context.Context, path string, opts readOptions) ([]byte, error) {
	if opts.MaxBytes < 0 {
		return nil, bindings.Misused("option max_bytes: %d is below 0", opts.MaxBytes)
	}
	p, err := m.find(readGrant, path, follow)
	if err != nil {
		return nil, err
	}
	defer p.close()
	f, err := p.openFile(os.O_RDONLY)
	if err != nil {
		return nil, p.fail("read", err)
	}
	data, err := io.ReadAll(&io.LimitedReader{R: until{ctx, f}, N: opts.MaxBytes + 1})
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, p.fail("read", err)
	}
	if int64(len(data)) > opts.MaxBytes {
		return nil, bindings.Fail("too_large", "read %q: more than %d bytes", p.path, opts.MaxBytes)
	}
	return data, nil
}

// until ends a long read when its call is cancelled.
type until struct {
	ctx context.Context
	r   io.Reader
}

func (u until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

func (m *module) append(_ context.Context, path string, data []byte) error {
	p, err := m.find(writeGrant, path, follow)
	if err != nil {
		return err
	}
	defer p.close()
	f, err := p.openFile(os.O_WRONLY | os.O_APPEND | os.O_CREATE)
	if err != nil {
		return p.fail("append to", err)
	}
	_, err = f.Write(data)
	return p.fail("append to", errors.Join(err, f.Close()))
}

func (m *module) write(ctx context.Context, path string, data []byte) error {
	p, err := m.find(writeGrant, path, itself)
	if err != nil {
		return err
	}
	defer p.close()
	return p.fail("write", p.replace(ctx, data, filepath.Join(filepath.Dir(p.name), m.scratch())))
}

// replace writes the file under a scratch name beside it and then renames it: whoever reads, and whatever dies
// meanwhile, sees the old file or the new one.
func (p *place) replace(ctx context.Context, data []byte, scratch string) error {
	old, err := p.root.Lstat(p.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		old = nil
	case err != nil:
		return err
	case old.IsDir():
		return bindings.Fail("is_dir", "it is a directory")
	case old.Mode()&fs.ModeSymlink != 0:
		old = nil // the link is replaced, not what it leads to
	case !old.Mode().IsRegular():
		return bindings.Fail("not_file", "it is not a regular file")
	}
	f, err := p.root.OpenFile(scratch, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = errors.Join(fill(f, data, old), f.Close()); err == nil {
		err = patiently(ctx, func() error { return p.root.Rename(scratch, p.name) })
	}
	if err != nil {
		err = errors.Join(err, p.root.Remove(scratch))
	}
	return err
}

// patiently tries again for a while when somebody holds the file that is to be replaced.
func patiently(ctx context.Context, rename func() error) error {
	err := rename()
	for range renameTries {
		if !held(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(renamePause):
		}
		err = rename()
	}
	return err
}

// fill writes a new file to the disk, as the old one's heir when there is one.
func fill(f *os.File, data []byte, old fs.FileInfo) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if old != nil {
		if err := keepOwner(f, old); err != nil {
			return err
		}
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	return f.Sync()
}
