package enginetest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of the state folder.
const (
	fileDatabase  = "engine.db"
	fileRoot      = "tls/root.pem" // the certificate alone, for those who are to trust it
	fileRootKey   = "tls/root.key" // certificate and key
	fileLeafKey   = "tls/server.key"
	fileTokenKey  = "keys/tokens.ed25519"
	fileScriptKey = "keys/scripts.ed25519"
	fileOperator  = "operator.token"
	fileRunning   = "running.json"
)

// state is the Engine's folder. Without a path it keeps nothing and finds nothing.
type state struct{ dir string }

func (s state) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s state) read(name string) ([]byte, error) {
	if s.dir == "" {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(s.path(name))
}

// write stores data whole or not at all, readable by its owner alone from the first byte.
func (s state) write(name string, data []byte) error {
	if s.dir == "" {
		return nil
	}
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // CreateTemp opens with 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// remove does not mind a file that is gone already.
func (s state) remove(name string) error {
	if s.dir == "" {
		return nil
	}
	if err := os.Remove(s.path(name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// touch makes an empty private file where there is none, for those who open it by themselves.
func (s state) touch(name string) error {
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path(name), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
