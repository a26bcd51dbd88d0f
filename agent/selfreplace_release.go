package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/bunny-lab-io/borealis-agent/agent/settings"
)

// releaseKeysFile has the public keys of releases, as PEM, among the settings.
const releaseKeysFile = "release_keys.pem"

// The most that is read of a release, and of a program in it.
const (
	maxRelease = 256 << 20
	maxProgram = 256 << 20
)

// release is the programs of one version.
type release struct{ agent, worker []byte }

// releaseKeys are the keys that may sign releases.
func releaseKeys(tree *settings.Tree) ([]ed25519.PublicKey, error) {
	text, err := tree.Files().Read(releaseKeysFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no key of releases is installed: give one to service install --release-key")
	}
	if err != nil {
		return nil, err
	}
	return parseReleaseKeys(text)
}

// parseReleaseKeys reads PEM blocks, as openssl pkey -pubout writes them. There is at least one.
func parseReleaseKeys(text []byte) (keys []ed25519.PublicKey, err error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("key of releases: %w", err)
		}
		public, ok := key.(ed25519.PublicKey)
		if !ok {
			return nil, fmt.Errorf("key of releases: %T: want Ed25519", key)
		}
		keys = append(keys, public)
	}
	if len(keys) == 0 {
		return nil, errors.New("key of releases: no PEM of a public key")
	}
	return keys, nil
}

// openRelease reads a release whose signature one of the keys made. Nothing of it is looked at before.
func openRelease(path string, keys []ed25519.PublicKey) (release, error) {
	data, err := readAtMost(path, maxRelease)
	if err != nil {
		return release{}, err
	}
	signature, err := readAtMost(path+".sig", ed25519.SignatureSize)
	if err != nil {
		return release{}, err
	}
	for _, key := range keys {
		if ed25519.Verify(key, data, signature) {
			return unpack(data)
		}
	}
	return release{}, fmt.Errorf("%s: no key of releases has signed it", path)
}

func readAtMost(path string, most int64) (data []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s: more than %d bytes", path, most)
	}
	return data, err
}

// unpack takes the two programs of this system out of a release, and refuses whatever else lies in it.
func unpack(data []byte) (r release, err error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return r, fmt.Errorf("release: %w", err)
	}
	names := programNames(ending())
	into := map[string]*[]byte{names[0]: &r.agent, names[1]: &r.worker}
	for entries := tar.NewReader(unzipped); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return r, fmt.Errorf("release: %w", err)
		}
		program := into[entry.Name]
		if program == nil || *program != nil || entry.Typeflag != tar.TypeReg || entry.Size > maxProgram {
			return r, fmt.Errorf("release: %q does not belong there: want %s and %s, once each", entry.Name, names[0], names[1])
		}
		if *program, err = io.ReadAll(entries); err != nil {
			return r, fmt.Errorf("release: %q: %w", entry.Name, err)
		}
	}
	if len(r.agent) == 0 || len(r.worker) == 0 {
		return r, fmt.Errorf("release: want %s and %s", names[0], names[1])
	}
	return r, nil
}
