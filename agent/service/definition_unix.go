//go:build linux || darwin

package service

import "path/filepath"

// define writes the service's definition to its place, and says whether it is another than before.
func (s Service) define(text string) (changed bool, err error) {
	path, err := s.definition()
	if err != nil {
		return false, err
	}
	if err := MakeFolder(filepath.Dir(path)); err != nil {
		return false, err
	}
	return PutFile(path, []byte(text), 0o644)
}
