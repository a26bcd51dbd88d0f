package process

import (
	"slices"
	"strings"
)

// sameName is equal for names of the same variable: Windows does not tell cases apart.
func sameName(name string) string { return strings.ToUpper(name) }

// inherited tells the variables that say who and where the agent is from those that may hold its secrets.
func inherited(name string) bool {
	return slices.Contains([]string{
		"ALLUSERSPROFILE", "APPDATA", "COMMONPROGRAMFILES", "COMMONPROGRAMFILES(X86)", "COMMONPROGRAMW6432",
		"COMPUTERNAME", "COMSPEC", "DRIVERDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "LOGONSERVER",
		"NUMBER_OF_PROCESSORS", "OS", "PATH", "PATHEXT", "PROCESSOR_ARCHITECTURE", "PROCESSOR_IDENTIFIER",
		"PROCESSOR_LEVEL", "PROCESSOR_REVISION", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)",
		"PROGRAMW6432", "PSMODULEPATH", "PUBLIC", "SESSIONNAME", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP",
		"USERDOMAIN", "USERNAME", "USERPROFILE", "WINDIR",
	}, sameName(name))
}

// defaults are none: Windows gives a service what it needs.
func defaults() map[string]string { return nil }
