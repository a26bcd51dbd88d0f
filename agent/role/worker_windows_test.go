package role

import (
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// wine reports whether this is Wine, which keeps no integrity levels and all privileges, and does not tell a process of
// its job.
func wine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

func TestAWorkerIsLockedDown(t *testing.T) {
	if wine() {
		t.Skip("takes a real Windows")
	}
	_, cfg := newOffice(t)
	r := start(t, cfg, "")
	if missing := r.Manifest().Missing; len(missing) > 0 {
		t.Errorf("missing: %q", missing)
	}
}

func TestAWorkersTokenIsPlain(t *testing.T) {
	_, cfg := newOffice(t)
	r := start(t, cfg, "")
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION, false, uint32(r.PID()))
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(process)
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	groups, err := token.GetTokenGroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups.AllGroups() {
		if g.Sid.IsWellKnown(windows.WinBuiltinAdministratorsSid) && g.Attributes&windows.SE_GROUP_USE_FOR_DENY_ONLY == 0 {
			t.Errorf("it is an administrator's: %#x", g.Attributes)
		}
	}
	if names := privileges(t, token); !wine() && (len(names) > 1 || names[0] != "SeChangeNotifyPrivilege") {
		t.Errorf("privileges: %q", names)
	}
}

func privileges(t *testing.T, token windows.Token) (names []string) {
	t.Helper()
	buffer := make([]uint64, 512) // aligned for what is read into it
	var n uint32
	if err := windows.GetTokenInformation(token, windows.TokenPrivileges, (*byte)(unsafe.Pointer(&buffer[0])), uint32(8*len(buffer)), &n); err != nil {
		t.Fatal(err)
	}
	lookup := windows.NewLazySystemDLL("advapi32.dll").NewProc("LookupPrivilegeNameW")
	for _, p := range (*windows.Tokenprivileges)(unsafe.Pointer(&buffer[0])).AllPrivileges() {
		name := make([]uint16, 64)
		n := uint32(len(name))
		if ok, _, err := lookup.Call(0, uintptr(unsafe.Pointer(&p.Luid)), uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(&n))); ok == 0 {
			t.Fatal(err)
		}
		names = append(names, windows.UTF16ToString(name))
	}
	return names
}

func TestAWorkerEndsWithItsJob(t *testing.T) {
	_, cfg := newOffice(t)
	r := start(t, cfg, "")
	if err := windows.TerminateJobObject(r.worker.keep.job, 77); err != nil {
		t.Fatal(err)
	}
	<-r.Done()
	if err := r.Err(); !strings.Contains(err.Error(), "exit status 77") {
		t.Error(err)
	}
}
