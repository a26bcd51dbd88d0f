package lockdown

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// mitigations are what a process can forbid itself (PROCESS_MITIGATION_POLICY and the flags of each in winnt.h).
var mitigations = [...]struct {
	name          string
	policy, flags uint32
}{
	{"no code made at run time", 2, 1},
	{"no hooks of other programs", 6, 1},
	{"no fonts but the system's", 9, 1},
	{"no libraries but local ones, the system's first", 10, 1 | 2 | 4},
	{"no child processes", 13, 1},
}

// down forbids the process what it can forbid itself. The rest is the core's to do before the process runs: a job and a
// token; here it is only looked at.
func down() (missing []string) {
	set := windows.NewLazySystemDLL("kernel32.dll").NewProc("SetProcessMitigationPolicy")
	for _, m := range mitigations {
		if ok, _, err := set.Call(uintptr(m.policy), uintptr(unsafe.Pointer(&m.flags)), unsafe.Sizeof(m.flags)); ok == 0 {
			missing = append(missing, fmt.Sprintf("mitigation %q: %v", m.name, err))
		}
	}
	if trouble := job(); trouble != "" {
		missing = append(missing, "job object: "+trouble)
	}
	if trouble := token(windows.GetCurrentProcessToken()); trouble != "" {
		missing = append(missing, "restricted token: "+trouble)
	}
	return missing
}

// job says what the process's job does not bound.
func job() string {
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	err := windows.QueryInformationJobObject(0, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	flags := info.BasicLimitInformation.LimitFlags
	switch {
	case err != nil:
		return err.Error()
	case flags&windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE == 0:
		return "it does not end with the agent"
	case flags&windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS == 0 || info.BasicLimitInformation.ActiveProcessLimit != 1:
		return "it lets more processes in"
	case flags&windows.JOB_OBJECT_LIMIT_PROCESS_MEMORY == 0:
		return "it does not bound memory"
	}
	return ""
}

// lowIntegrity is SECURITY_MANDATORY_LOW_RID, maxSID is SECURITY_MAX_SID_SIZE (winnt.h).
const (
	lowIntegrity = 0x1000
	maxSID       = 68
)

// token says what the process's token allows too much.
func token(t windows.Token) string {
	level, err := integrity(t)
	if err != nil {
		return err.Error()
	}
	if level > lowIntegrity {
		return fmt.Sprintf("integrity is %#x, not low", level)
	}
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return err.Error()
	}
	if member, err := windows.Token(0).IsMember(administrators); err != nil || member {
		return fmt.Sprintf("it is an administrator's: %v, %v", member, err)
	}
	return ""
}

func integrity(t windows.Token) (level uint32, err error) {
	var label struct {
		windows.Tokenmandatorylabel
		sid [maxSID]byte
	}
	var n uint32
	if err := windows.GetTokenInformation(t, windows.TokenIntegrityLevel, (*byte)(unsafe.Pointer(&label)), uint32(unsafe.Sizeof(label)), &n); err != nil {
		return 0, err
	}
	sid := label.Label.Sid
	return sid.SubAuthority(uint32(sid.SubAuthorityCount()) - 1), nil
}
