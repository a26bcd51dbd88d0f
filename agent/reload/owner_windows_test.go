package reload

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// protect gives a file an access list of its own, written as SDDL.
func protect(t *testing.T, path, list string) {
	t.Helper()
	sd, err := windows.SecurityDescriptorFromString(list)
	if err != nil {
		t.Fatal(err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		t.Fatal(err)
	}
	const what = windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, what, nil, nil, dacl, nil); err != nil {
		t.Fatal(err)
	}
}

func user(t *testing.T) string {
	t.Helper()
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	return user.User.Sid.String()
}

// TestWhatOthersMayWriteIsRefused grants rights to everybody only, since Wine keeps of an access list what fits into the
// mode of a Unix file.
func TestWhatOthersMayWriteIsRefused(t *testing.T) {
	self := user(t)
	path := filepath.Join(t.TempDir(), "role_a.lua")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func() error {
		t.Helper()
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		info, err := examine(f)
		if err != nil {
			t.Fatal(err)
		}
		return ownedBy(self)(info)
	}
	protect(t, path, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;"+self+")(A;;FR;;;WD)")
	if err := check(); err != nil {
		t.Error(err)
	}
	protect(t, path, "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;"+self+")(A;;FRFW;;;WD)")
	if err := check(); err == nil || !strings.Contains(err.Error(), `(S-1-1-0) may change it`) ||
		!strings.HasSuffix(err.Error(), `: icacls "`+path+`" /inheritance:d /remove:g *S-1-1-0`) {
		t.Error(err)
	}
}

func TestTheFoldersAreLookedAt(t *testing.T) {
	dir := t.TempDir()
	protect(t, dir, "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;WD)")
	err := checkFolder(dir, true, ownedBy(user(t)))
	if err == nil || !strings.Contains(err.Error(), "icacls \""+dir+"\" /inheritance:d /remove:g *S-1-1-0") {
		t.Error(err)
	}
}
