//go:build unix

package process

// languages are the script types of this system.
func languages() map[string]language {
	return map[string]language{
		"bash":       {extension: ".sh", interpreter: bash, text: shellText},
		"sh":         {extension: ".sh", interpreter: named("sh"), text: shellText},
		"powershell": {extension: ".ps1", interpreter: named("pwsh"), before: powershellArguments(), text: verbatim},
		"python":     {extension: ".py", interpreter: named("python3", "python"), text: verbatim},
	}
}

func bash(m *module) (string, error) {
	if path, err := m.configured("BOREALIS_BASH_BIN", "BOREALIS_REMOTE_BASH_BIN"); path != "" || err != nil {
		return path, err
	}
	return m.first("bash", "sh")
}

func named(names ...string) func(*module) (string, error) {
	return func(m *module) (string, error) { return m.first(names...) }
}
