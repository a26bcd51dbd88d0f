package process

import (
	"unicode/utf16"

	"golang.org/x/sys/windows"
)

// foreignText decodes the code page that a console program writes to a pipe. A child has a hidden console of its own,
// whose code page is the machine's OEM one and not that of the agent's console.
func foreignText() func([]byte) string {
	page := oemCodePage()
	return func(p []byte) string {
		text, err := fromCodePage(page, p)
		if err != nil {
			return string(replaceInvalid(p))
		}
		return text
	}
}

func oemCodePage() uint32 {
	if proc := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetOEMCP"); proc.Find() == nil {
		page, _, _ := proc.Call()
		return uint32(page)
	}
	if page, err := windows.GetConsoleOutputCP(); err == nil {
		return page
	}
	return windows.GetACP()
}

func fromCodePage(page uint32, p []byte) (string, error) {
	size, err := windows.MultiByteToWideChar(page, 0, &p[0], int32(len(p)), nil, 0)
	if err != nil {
		return "", err
	}
	wide := make([]uint16, size)
	if _, err := windows.MultiByteToWideChar(page, 0, &p[0], int32(len(p)), &wide[0], size); err != nil {
		return "", err
	}
	return string(utf16.Decode(wide)), nil // UTF16ToString would stop at a zero
}
