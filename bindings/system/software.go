package system

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// installed is one thing that was installed.
type installed struct {
	Name      string `lua:"name"`
	Version   string `lua:"version"`
	Source    string `lua:"source"`
	Publisher string `lua:"publisher"`
}

// database is one record of what is installed.
type database struct {
	// files are patterns of what changes whenever the record does.
	files []string
	// list reads it; nothing and no error where this machine has no such record.
	list func(context.Context) ([]installed, error)
}

// software lists everything, sorted by name. One database that cannot be read fails it all: a list without it would say
// that its programs are gone.
func (m machine) software(ctx context.Context) ([]installed, error) {
	all := []installed{}
	for _, d := range m.databases() {
		list, err := d.list(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return tidy(all), nil
}

// tidy sorts, and leaves out what is there twice, as a program for all users and one of them often is.
func tidy(all []installed) []installed {
	slices.SortStableFunc(all, func(a, b installed) int {
		return strings.Compare(a.Name+"\x00"+a.Version+"\x00"+a.Source, b.Name+"\x00"+b.Version+"\x00"+b.Source)
	})
	return slices.CompactFunc(all, func(a, b installed) bool {
		return a.Name == b.Name && a.Version == b.Version && a.Source == b.Source
	})
}

// softwareStamp is a short text that changes when something was installed, removed or brought up to date.
func (m machine) softwareStamp(context.Context) (string, error) {
	sum := sha256.New()
	for _, d := range m.databases() {
		for _, pattern := range d.files {
			for _, file := range m.glob(pattern) {
				info, err := os.Stat(file)
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					return "", err
				}
				fmt.Fprintln(sum, file, info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	m.stampMore(sum)
	return hex.EncodeToString(sum.Sum(nil)[:16]), nil
}
