package process

import (
	"path/filepath"

	"golang.org/x/sys/windows"

	"github.com/bunny-lab-io/borealis-agent/bindings"
)

// languages are the script types of this system. Python is told to speak UTF-8, for it would write the ANSI code page
// to a pipe where everything else writes the OEM one.
func languages() map[string]language {
	return map[string]language{
		"batch":      {extension: ".bat", interpreter: system("cmd.exe"), before: []string{"/D", "/C"}, text: batchText},
		"powershell": {extension: ".ps1", interpreter: powershell, before: powershellArguments(), text: markedText},
		"bash":       {extension: ".sh", interpreter: bash, text: shellText},
		"python":     {extension: ".py", interpreter: python, before: []string{"-X", "utf8"}, text: verbatim},
	}
}

func powershell(m *module) (string, error) {
	if path, err := system(`WindowsPowerShell\v1.0\powershell.exe`)(m); err == nil {
		return path, nil
	}
	return m.first("pwsh")
}

// bash is never the one in System32: that one belongs to another system, which knows other paths.
func bash(m *module) (string, error) {
	if path, err := m.configured("BOREALIS_BASH_BIN", "BOREALIS_REMOTE_BASH_BIN"); path != "" || err != nil {
		return path, err
	}
	for _, id := range []*windows.KNOWNFOLDERID{windows.FOLDERID_ProgramFilesX64, windows.FOLDERID_ProgramFiles} {
		dir, err := windows.KnownFolderPath(id, windows.KF_FLAG_DEFAULT)
		if path := filepath.Join(dir, `Git\bin\bash.exe`); err == nil && runnable(path) {
			return path, nil
		}
	}
	return "", bindings.Fail("not_found", "bash: neither BOREALIS_BASH_BIN nor Git's")
}

func python(m *module) (string, error) { return m.first("python3", "python") }

// system finds a program of Windows itself.
func system(name string) func(*module) (string, error) {
	return func(*module) (string, error) {
		dir, err := windows.GetSystemDirectory()
		if err != nil {
			return "", err
		}
		if path := filepath.Join(dir, name); runnable(path) {
			return path, nil
		}
		return "", bindings.Fail("not_found", "%s: not in the system directory", name)
	}
}
