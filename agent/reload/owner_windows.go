package reload

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"

	"github.com/bunny-lab-io/borealis-agent/agent/reload/dacl"
)

const nonblock = 0

// guarded is a file or folder with its security descriptor.
type guarded struct {
	fs.FileInfo
	path, sddl string
	thing      dacl.Thing
}

// Owned is the rule for an agent that runs as SYSTEM or as an administrator: what it loads, nobody but these, Windows'
// own installer and the agent's user may be able to change. For any other user's agent the system itself draws that line.
func Owned() func(fs.FileInfo) error {
	token := windows.GetCurrentProcessToken()
	if !token.IsElevated() {
		return func(fs.FileInfo) error { return nil }
	}
	user, err := token.GetTokenUser()
	if err != nil {
		return func(fs.FileInfo) error { return fmt.Errorf("the agent's user is not known: %w", err) }
	}
	return ownedBy(user.User.Sid.String())
}

// ownedBy is the rule for an agent whose user's SID is self.
func ownedBy(self string) func(fs.FileInfo) error {
	return func(info fs.FileInfo) error {
		g, ok := info.(guarded)
		if !ok {
			return errors.New("its access list is not known")
		}
		found, err := dacl.Check(g.sddl, self, g.thing)
		switch {
		case err != nil:
			return err
		case found == nil:
			return nil
		case found.Owner:
			return fmt.Errorf("owned by %s, and this agent runs as an administrator: icacls \"%s\" /setowner *S-1-5-32-544", account(found.SID), g.path)
		}
		return fmt.Errorf("%s may change it, and this agent runs as an administrator: icacls \"%s\" /inheritance:d /remove:g *%s",
			account(found.SID), g.path, sid(found.SID))
	}
}

// sid writes SDDL's two letters out; icacls wants a SID in full.
func sid(text string) string {
	if s, err := windows.StringToSid(text); err == nil {
		return s.String()
	}
	return text
}

// account names a SID for people, where this machine knows a name for it.
func account(text string) string {
	full := sid(text)
	s, err := windows.StringToSid(full)
	if err != nil {
		return full
	}
	name, domain, _, err := s.LookupAccount("")
	if err != nil {
		return full
	}
	return fmt.Sprintf(`%s\%s (%s)`, domain, name, full)
}

const ownerAndList = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION

// examine looks at an open file.
func examine(f *os.File) (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	sd, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, ownerAndList)
	if err != nil {
		return nil, fmt.Errorf("access list of %q: %w", f.Name(), err)
	}
	return guarded{info, f.Name(), sd.String(), dacl.File}, nil
}

// examineFolder looks at a folder: the one that files are read from, or one on the way to it.
func examineFolder(path string, above bool) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, ownerAndList)
	if err != nil {
		return nil, fmt.Errorf("access list of %q: %w", path, err)
	}
	thing := dacl.Folder
	if above {
		thing = dacl.Above
	}
	return guarded{info, path, sd.String(), thing}, nil
}
