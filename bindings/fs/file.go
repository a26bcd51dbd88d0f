package fs

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

const (
	fileType = "fs.File"
	// maxPiece bounds one read: an answer has to fit into one message to the role.
	maxPiece = 10 << 20
	// somePiece is what a read without a number asks for.
	somePiece = 64 << 10
)

// File is an open file of a role. It is an io.Reader or an io.Writer, by its mode, so that other bindings can stream
// from and to it.
type File struct {
	path     string
	writable bool
	f        *os.File
}

// openOptions are the options of open.
type openOptions struct {
	Mode string `lua:"mode" default:"r"`
}

func (m *module) open(_ context.Context, path string, opts openOptions) (*bindings.Handle, error) {
	grant, flags := writeGrant, os.O_WRONLY|os.O_CREATE
	switch opts.Mode {
	case "r":
		grant, flags = readGrant, os.O_RDONLY
	case "w":
		flags |= os.O_TRUNC
	case "a":
		flags |= os.O_APPEND
	default:
		return nil, bindings.Misused(`option mode: %q is not "r", "w" or "a"`, opts.Mode)
	}
	p, err := m.find(grant, path, follow)
	if err != nil {
		return nil, err
	}
	defer p.close()
	f, err := p.openFile(flags)
	if err != nil {
		return nil, p.fail("open", err)
	}
	return &bindings.Handle{Type: fileType, Value: &File{path: p.path, writable: opts.Mode != "r", f: f}}, nil
}

// Read reads the next bytes.
func (f *File) Read(p []byte) (int, error) {
	if f.writable {
		return 0, bindings.Misused("%q is open for writing, not for reading", f.path)
	}
	n, err := f.f.Read(p)
	if errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return n, fail("read", f.path, err)
}

// Write writes all of p, or tells why not.
func (f *File) Write(p []byte) (int, error) {
	if !f.writable {
		return 0, bindings.Misused("%q is open for reading, not for writing", f.path)
	}
	n, err := f.f.Write(p)
	return n, fail("write", f.path, err)
}

// Close lets go of the file.
func (f *File) Close() error { return fail("close", f.path, f.f.Close()) }

// Remaining is how many bytes lie between the place of the next read and the end.
func (f *File) Remaining() (int64, error) {
	at, err := f.f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, fail("read", f.path, err)
	}
	found, err := f.f.Stat()
	if err != nil {
		return 0, fail("read", f.path, err)
	}
	return max(0, found.Size()-at), nil
}

func readSome(ctx context.Context, f *File, n *int) (any, error) {
	size := somePiece
	if n != nil {
		size = *n
	}
	if size < 1 || size > maxPiece {
		return nil, bindings.Misused("argument 1: %d is not within 1 to %d", size, maxPiece)
	}
	data, err := io.ReadAll(&io.LimitedReader{R: until{ctx, f}, N: int64(size)})
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, nil
	}
	return data, nil
}

func writeAll(_ context.Context, f *File, data []byte) error {
	_, err := f.Write(data)
	return err
}
