package session

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

const (
	wtsSessionInfoEx = 25 // of WTS_INFO_CLASS
	sessionLocked    = 0  // WTS_SESSIONSTATE_LOCK, from Windows 8 on
)

// sessionInfoEx is WTSINFOEXW with its first and only level.
type sessionInfoEx struct {
	level       uint32
	_           uint32
	sessionID   uint32
	state       uint32
	flags       int32
	station     [33]uint16
	user        [21]uint16
	domain      [18]uint16
	logon       int64
	connect     int64
	disconnect  int64
	lastInput   int64
	currentTime int64
	counts      [6]uint32
}

// name is the user's, with the domain before it.
func (i *sessionInfoEx) name() string {
	user, domain := windows.UTF16ToString(i.user[:]), windows.UTF16ToString(i.domain[:])
	if user == "" || domain == "" {
		return user
	}
	return domain + `\` + user
}

func ask(id uint32) (*sessionInfoEx, error) {
	query := windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")
	if err := query.Find(); err != nil {
		return nil, err
	}
	var info *sessionInfoEx
	var bytes uint32
	ok, _, err := query.Call(0, uintptr(id), wtsSessionInfoEx, uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&bytes)))
	if ok == 0 {
		return nil, fmt.Errorf("terminal session %d: %w", id, err)
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(info)))
	if uintptr(bytes) < unsafe.Sizeof(*info) || info.level != 1 {
		return nil, errors.New("terminal session: unknown form of an answer")
	}
	found := *info
	return &found, nil
}

// filetime is a time as Windows has it in such answers.
func filetime(t int64) time.Time {
	if t <= 0 {
		return time.Time{}
	}
	ft := windows.Filetime{LowDateTime: uint32(t), HighDateTime: uint32(t >> 32)}
	return time.Unix(0, ft.Nanoseconds())
}
