package system

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// What WTSQuerySessionInformation is asked for, by the numbers of wtsapi32.h.
const (
	wtsUserName   = 5
	wtsClientName = 10
	wtsInfo       = 24
)

// wtsLogonTime is where the logon time lies in a WTSINFOW.
const wtsLogonTime = 200

func (m machine) sessions(context.Context) ([]session, error) {
	var first *windows.WTS_SESSION_INFO
	var n uint32
	if err := windows.WTSEnumerateSessions(0, 0, 1, &first, &n); err != nil {
		return nil, fmt.Errorf("sessions: %w", err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(first)))
	all := []session{}
	for _, s := range unsafe.Slice(first, n) {
		user := wtsText(s.SessionID, wtsUserName)
		if user == "" { // services, and screens where nobody has logged in
			continue
		}
		all = append(all, session{
			User: user, Terminal: windows.UTF16PtrToString(s.WindowStationName), From: wtsText(s.SessionID, wtsClientName),
			Since: wtsSince(s.SessionID), Active: s.State == windows.WTSActive,
		})
	}
	return all, nil
}

// wtsQuery gives what Windows says of a session, as bytes; nil when it says nothing.
func wtsQuery(id, what uint32) []byte {
	var data *byte
	var size uint32
	query := windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")
	ok, _, _ := query.Call(0, uintptr(id), uintptr(what), uintptr(unsafe.Pointer(&data)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 || data == nil {
		return nil
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(data)))
	return append([]byte(nil), unsafe.Slice(data, size)...)
}

func wtsText(id, what uint32) string {
	data := wtsQuery(id, what)
	if len(data) < 2 {
		return ""
	}
	return windows.UTF16ToString(unsafe.Slice((*uint16)(unsafe.Pointer(&data[0])), len(data)/2))
}

func wtsSince(id uint32) *time.Time {
	data := wtsQuery(id, wtsInfo)
	if len(data) < wtsLogonTime+8 {
		return nil
	}
	at := (*windows.Filetime)(unsafe.Pointer(&data[wtsLogonTime]))
	if at.LowDateTime == 0 && at.HighDateTime == 0 {
		return nil
	}
	since := time.Unix(0, at.Nanoseconds())
	return &since
}

// lastLogin is what the login screen offers; Windows does not say there when it was.
func (m machine) lastLogin(context.Context) (*login, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows\CurrentVersion\Authentication\LogonUI`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("last login: %w", err)
	}
	defer key.Close()
	for _, name := range []string{"LastLoggedOnSAMUser", "LastLoggedOnUser"} {
		if user, _, err := key.GetStringValue(name); err == nil && user != "" {
			return &login{User: user}, nil
		}
	}
	return nil, nil
}
