package role

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// disableMaxPrivilege is CreateRestrictedToken's flag that drops every privilege but that of walking through folders.
const disableMaxPrivilege = 1

// keptGroups are those by which Windows lets any program load its libraries. All others, the administrators first,
// count only where they are denied something. The user itself is kept: SYSTEM reads its own libraries by no group.
var keptGroups = [...]windows.WELL_KNOWN_SID_TYPE{
	windows.WinWorldSid, windows.WinAuthenticatedUserSid, windows.WinBuiltinUsersSid,
}

// plainToken is the agent's own token without its privileges and groups, at low integrity: with it a process may write
// nothing that is not made for such processes, whoever its user is.
func plainToken() (windows.Token, error) {
	var own, plain windows.Token
	const access = windows.TOKEN_DUPLICATE | windows.TOKEN_ASSIGN_PRIMARY | windows.TOKEN_QUERY | windows.TOKEN_ADJUST_DEFAULT
	if err := windows.OpenProcessToken(windows.CurrentProcess(), access, &own); err != nil {
		return 0, fmt.Errorf("open token: %w", err)
	}
	defer own.Close()
	groups, err := own.GetTokenGroups()
	if err != nil {
		return 0, fmt.Errorf("groups of token: %w", err)
	}
	denied := slices.DeleteFunc(slices.Clone(groups.AllGroups()), kept)
	create := windows.NewLazySystemDLL("advapi32.dll").NewProc("CreateRestrictedToken")
	ok, _, err := create.Call(uintptr(own), disableMaxPrivilege, uintptr(len(denied)), uintptr(unsafe.Pointer(unsafe.SliceData(denied))),
		0, 0, 0, 0, uintptr(unsafe.Pointer(&plain)))
	runtime.KeepAlive(groups) // the SIDs lie in it
	if ok == 0 {
		return 0, fmt.Errorf("restrict token: %w", err)
	}
	if err := lower(plain); err != nil {
		return 0, errors.Join(fmt.Errorf("lower token: %w", err), plain.Close())
	}
	return plain, nil
}

func kept(group windows.SIDAndAttributes) bool {
	if group.Attributes&windows.SE_GROUP_INTEGRITY != 0 || group.Attributes&windows.SE_GROUP_LOGON_ID == windows.SE_GROUP_LOGON_ID {
		return true
	}
	return slices.ContainsFunc(keptGroups[:], group.Sid.IsWellKnown)
}

// lower gives a token low integrity.
func lower(token windows.Token) error {
	low, err := windows.CreateWellKnownSid(windows.WinLowLabelSid)
	if err != nil {
		return err
	}
	label := windows.Tokenmandatorylabel{Label: windows.SIDAndAttributes{Sid: low, Attributes: windows.SE_GROUP_INTEGRITY}}
	return windows.SetTokenInformation(token, windows.TokenIntegrityLevel, (*byte)(unsafe.Pointer(&label)), label.Size())
}
