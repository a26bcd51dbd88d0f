package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long the previous process may take to let the file go.
const lockWait = 5 * time.Second

// store is the file: a bucket in which a result's key is its number in the order of arrival, and one of debts.
type store struct {
	db    *bbolt.DB
	found struct { // when it was opened
		items int // results, and places kept for them
		bytes int64
		debts []debt
	}
}

// bucketName carries the version of the encoding.
func bucketName() []byte { return []byte("results.v1") }

func bucket(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket(bucketName()) }

// openOrReplace opens the file at path; a damaged one is put aside first.
func openOrReplace(path string, opts Options) (*store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	s, err := openStore(path)
	if !errors.Is(err, errDamaged) {
		return s, err
	}
	aside, moved := putAside(path, opts.Now())
	opts.Log.Error("outbox is damaged: the results in it are lost unless they can be read by hand",
		"file", path, "kept_as", aside, "err", errors.Join(err, moved))
	if moved != nil {
		return nil, moved
	}
	return openStore(path)
}

// putAside gives the file at path a name that is free.
func putAside(path string, now time.Time) (string, error) {
	for n := range 1000 {
		aside := fmt.Sprintf("%s.damaged-%s-%d", path, now.Format("20060102-150405"), n)
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			return aside, os.Rename(path, aside)
		}
	}
	return "", fmt.Errorf("too many damaged files beside %q", path)
}

// openStore opens the file and reads all of it. bbolt trusts its pages: on a damaged one it panics, or reads beyond
// the end of the file, which would end the process; so both are turned into errDamaged here, before anything is built on it.
func openStore(path string) (*store, error) { return openStoreWithin(path, lockWait) }

func openStoreWithin(path string, wait time.Duration) (s *store, err error) {
	var file *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("%w: %v", errDamaged, r)
		}
		if err != nil && file != nil {
			_ = file.Close() // gives the lock back, even where bbolt did not get to it
		}
	}()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout: wait,
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag, mode)
			file = f
			return f, err
		},
	})
	if err != nil {
		return nil, openError(err)
	}
	s = &store{db: db}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// openError tells an error of the operating system, which says nothing about the file, from one about its content.
func openError(err error) error {
	var inSystem *fs.PathError
	var errno syscall.Errno
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return ErrInUse
	case errors.As(err, &inSystem), errors.As(err, &errno):
		return err
	}
	return fmt.Errorf("%w: %w", errDamaged, err)
}

// prepare makes the buckets, reads everything, and lets bbolt check its pages.
func (s *store) prepare() error {
	missing := false
	err := s.db.View(func(tx *bbolt.Tx) error {
		missing = bucket(tx) == nil || debtsOf(tx) == nil
		return nil
	})
	if err != nil {
		return err
	}
	if missing { // else nothing is written: what is in the file can be sent even when the disk is full
		if err := s.create(); err != nil {
			return err
		}
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		err := bucket(tx).ForEach(func(k, v []byte) error {
			s.found.items++
			s.found.bytes += cost(v)
			if len(k) != keySize {
				return errDamaged
			}
			_, err := decode(v)
			return err
		})
		if err != nil {
			return err
		}
		if err := s.findDebts(tx); err != nil {
			return err
		}
		var problems []error
		for err := range tx.Check() { // to its end: the checker waits for its reader
			problems = append(problems, err)
		}
		if len(problems) > 0 {
			return fmt.Errorf("%w: %w", errDamaged, problems[0])
		}
		return nil
	})
}

// create makes the buckets, and the file's name in its folder durable too.
func (s *store) create() error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucketName())
		if err == nil {
			_, err = tx.CreateBucketIfNotExists(debtsName())
		}
		return err
	})
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(s.db.Path()))
	if err != nil {
		return err
	}
	_ = dir.Sync() // not every system can, and those need not
	return dir.Close()
}

// add files value under the next number, and settles the debts that it pays; that is on disk when add returns.
func (s *store) add(value []byte, pays ...debt) error {
	return closedError(s.db.Update(func(tx *bbolt.Tx) error {
		if err := settle(tx, pays); err != nil {
			return err
		}
		return addTo(bucket(tx), value)
	}))
}

func addTo(b *bbolt.Bucket, value []byte) error {
	seq, err := b.NextSequence()
	if err != nil {
		return err
	}
	b.FillPercent = 1 // keys only grow
	return b.Put(keyOf(seq), value)
}

// next reads the oldest result that is younger than the one of number after; found is false when there is none.
func (s *store) next(after uint64) (number uint64, e entry, found bool, err error) {
	err = closedError(s.db.View(func(tx *bbolt.Tx) error {
		k, v := bucket(tx).Cursor().Seek(keyOf(after + 1))
		if k == nil {
			return nil
		}
		number, found = binary.BigEndian.Uint64(k), true
		e, err = decode(v)
		return err
	}))
	return number, e, found, err
}

// remove takes results off the disk and says what room that gives.
func (s *store) remove(numbers []uint64) (freed int64, err error) {
	err = closedError(s.db.Update(func(tx *bbolt.Tx) error {
		b := bucket(tx)
		for _, n := range numbers {
			freed += cost(b.Get(keyOf(n)))
			if err := b.Delete(keyOf(n)); err != nil {
				return err
			}
		}
		return nil
	}))
	return freed, err
}

func keyOf(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

func (s *store) close() error { return s.db.Close() }

func closedError(err error) error {
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}
