package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// defaultPath is empty: Windows has no agreed place for programs but PATH.
const defaultPath = ""

// bareName is a program's name without .exe and case, as a grant names it.
func bareName(name string) string {
	return strings.TrimSuffix(strings.ToLower(name), ".exe")
}

func fileNames(name string) []string {
	if ext := strings.ToLower(filepath.Ext(name)); ext == ".exe" || ext == ".com" {
		return []string{name}
	}
	return []string{name + ".exe", name + ".com"}
}

// startable refuses what cmd.exe would read: it has its own idea of where an argument ends, so that a harmless looking
// argument becomes a command.
func startable(path string) error {
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".bat" || ext == ".cmd" {
		return bindings.Fail("unsupported", "program %q: a batch file cannot be given arguments safely; use run_script", path)
	}
	return nil
}

func runnable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// trusted says whether a path lies where only administrators and this user write by default: below the Windows
// directory, Program Files, or this user's own profile. The folders are the system's answer, not a variable's.
func trusted(path string) error {
	for _, id := range []*windows.KNOWNFOLDERID{
		windows.FOLDERID_Windows, windows.FOLDERID_ProgramFiles, windows.FOLDERID_ProgramFilesX64,
		windows.FOLDERID_ProgramFilesX86, windows.FOLDERID_Profile,
	} {
		if dir, err := windows.KnownFolderPath(id, windows.KF_FLAG_DEFAULT); err == nil && within(dir, path) {
			return nil
		}
	}
	return fmt.Errorf("%q: outside of Windows, Program Files and the user's profile", path)
}

// within reports whether path lies below dir, whatever their case.
func within(dir, path string) bool {
	rel, err := filepath.Rel(strings.ToLower(dir), strings.ToLower(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, `..\`)
}
