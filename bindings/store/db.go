package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

var (
	errInUse   = errors.New("another process has it open")
	errDamaged = errors.New("it is damaged")
)

// lockWait is how long the process before this one may take to let the file go.
const lockWait = time.Second

// db is one open file: a bucket of encoded values. One call at a time uses it.
type db struct {
	bolt *bbolt.DB
	file *os.File
	used usage
}

// usage is how much is in a store.
type usage struct{ keys, bytes int }

// bucketName carries the version of the encoding.
func bucketName() []byte { return []byte("values.v1") }

func bucket(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket(bucketName()) }

// guarded runs f. On a damaged page bbolt panics, or reads beyond the end of the file, which would end the process:
// both become errDamaged.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errDamaged, r)
		}
	}()
	return f()
}

// openOrReplace opens the file at path. A damaged one is put aside first, in the place of one that was before: a role
// that remembers nothing can go on, one that never can read again cannot.
func openOrReplace(path string, log *slog.Logger) (*db, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	d, err := openDB(path)
	if !errors.Is(err, errDamaged) {
		return d, err
	}
	if err := putAside(path, err, log); err != nil {
		return nil, err
	}
	return openDB(path)
}

// putAside gives a damaged file another name. What still maps the file keeps its lock too, so that a file of that name
// cannot be opened before.
func putAside(path string, damage error, log *slog.Logger) error {
	aside := path + ".damaged"
	moved := os.Rename(path, aside)
	log.Error("the store is damaged: the role begins with an empty one", "file", path, "kept_as", aside, "error", errors.Join(damage, moved))
	return moved
}

func openDB(path string) (*db, error) {
	d := &db{}
	err := guarded(func() error { return d.open(path) })
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, errDamaged) || d.bolt == nil:
		d.abandon()
		return nil, err
	}
	return nil, errors.Join(err, d.close())
}

func (d *db) open(path string) (err error) {
	d.bolt, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: lockWait,
		OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
			d.file, err = os.OpenFile(name, flag, mode)
			return d.file, err
		},
	})
	if err != nil {
		return openError(err)
	}
	made := false
	err = d.bolt.View(func(tx *bbolt.Tx) error { made = bucket(tx) != nil; return d.fits(tx) })
	switch {
	case err != nil:
		return err
	case !made: // else nothing is written: what is there can be read even when the disk is full
		return d.create(path)
	}
	return d.bolt.View(d.measure)
}

// openError tells an error of the operating system, which says nothing about the content, from one about the content.
func openError(err error) error {
	var inSystem *fs.PathError
	var errno syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return errInUse
	case errors.As(err, &inSystem), errors.As(err, &errno):
		return err
	}
	return fmt.Errorf("%w: %w", errDamaged, err)
}

// fits sees whether the file is as long as it says: bbolt itself would only notice when it reads beyond the end.
func (d *db) fits(tx *bbolt.Tx) error {
	found, err := d.file.Stat()
	if err == nil && found.Size() < tx.Size() {
		err = fmt.Errorf("%w: %d bytes of %d are there", errDamaged, found.Size(), tx.Size())
	}
	return err
}

// create makes the bucket, and the file's name in its folder durable too.
func (d *db) create(path string) error {
	err := d.bolt.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(bucketName())
		return err
	})
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	_ = dir.Sync() // not every system can, and those need not
	return dir.Close()
}

// measure reads all that is there, for its size and to see that it can be read.
func (d *db) measure(tx *bbolt.Tx) error {
	form, err := newCodec()
	if err != nil {
		return err
	}
	return bucket(tx).ForEach(func(k, v []byte) error {
		d.used.keys++
		d.used.bytes += len(k) + len(v)
		_, err := form.decode(v)
		return err
	})
}

// get gives a copy of the encoded value; nil when there is none.
func (d *db) get(key string) (value []byte, err error) {
	err = d.bolt.View(func(tx *bbolt.Tx) error {
		value = bytes.Clone(bucket(tx).Get([]byte(key)))
		return nil
	})
	return value, err
}

// set puts a value on the disk, unless it is there already or there is no room for it.
func (d *db) set(key string, value []byte) error {
	old, err := d.get(key)
	if err != nil || bytes.Equal(old, value) {
		return err
	}
	after := d.used
	after.bytes += len(value) - len(old)
	if old == nil {
		after.keys++
		after.bytes += len(key)
	}
	if after.keys > maxKeys && old == nil || after.bytes > maxBytes && len(value) > len(old) {
		return bindings.Fail("full", "the store is full with %d of %d keys and %d of %d bytes: delete what is no longer needed, or keep large things as files",
			d.used.keys, maxKeys, d.used.bytes, maxBytes)
	}
	return d.update(after, func(b *bbolt.Bucket) error { return b.Put([]byte(key), value) })
}

// delete takes a key off the disk and reports whether it was there.
func (d *db) delete(key string) (found bool, err error) {
	old, err := d.get(key)
	if err != nil || old == nil {
		return false, err
	}
	after := usage{d.used.keys - 1, d.used.bytes - len(key) - len(old)}
	return true, d.update(after, func(b *bbolt.Bucket) error { return b.Delete([]byte(key)) })
}

// update makes one change durable and then counts it.
func (d *db) update(after usage, change func(*bbolt.Bucket) error) error {
	if err := d.bolt.Update(func(tx *bbolt.Tx) error { return change(bucket(tx)) }); err != nil {
		return err
	}
	d.used = after
	return nil
}

// keys lists the keys with a prefix in the order of their bytes.
func (d *db) keys(prefix string) (keys []string, err error) {
	err = d.bolt.View(func(tx *bbolt.Tx) error {
		c := bucket(tx).Cursor()
		for k, _ := c.Seek([]byte(prefix)); bytes.HasPrefix(k, []byte(prefix)) && k != nil; k, _ = c.Next() {
			keys = append(keys, string(k))
		}
		return nil
	})
	return keys, err
}

func (d *db) close() error { return d.bolt.Close() }

// abandon lets go of the file without bbolt, which may have been stopped while it held its own locks.
func (d *db) abandon() {
	if d.file != nil {
		_ = d.file.Close()
	}
}
