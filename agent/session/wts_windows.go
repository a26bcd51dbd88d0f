package session

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Of WTS_INFO_CLASS.
const (
	wtsUserName      = 5
	wtsDomainName    = 7
	wtsSessionInfoEx = 25
)

const sessionLocked = 0 // WTS_SESSIONSTATE_LOCK, from Windows 8 on

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

// userOf is who is logged in to a session, with the domain before the name; "" when that is nobody.
func userOf(id uint32) string {
	user, domain := textOf(id, wtsUserName), textOf(id, wtsDomainName)
	if user == "" || domain == "" {
		return user
	}
	return domain + `\` + user
}

func textOf(id, class uint32) (text string) {
	_ = ask(id, class, func(answer unsafe.Pointer, _ uint32) { text = windows.UTF16PtrToString((*uint16)(answer)) })
	return text
}

func infoOf(id uint32) (info sessionInfoEx, err error) {
	known := false
	err = ask(id, wtsSessionInfoEx, func(answer unsafe.Pointer, size uint32) {
		if uintptr(size) >= unsafe.Sizeof(info) {
			info = *(*sessionInfoEx)(answer)
			known = info.level == 1
		}
	})
	if err == nil && !known {
		err = fmt.Errorf("terminal session %d: unknown form of an answer", id)
	}
	return info, err
}

// ask has take read what the system says of a session.
func ask(id, class uint32, take func(answer unsafe.Pointer, size uint32)) error {
	query := windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSQuerySessionInformationW")
	if err := query.Find(); err != nil {
		return err
	}
	var answer unsafe.Pointer
	var size uint32
	ok, _, err := query.Call(0, uintptr(id), uintptr(class), uintptr(unsafe.Pointer(&answer)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 || answer == nil {
		return fmt.Errorf("terminal session %d: %w", id, err)
	}
	take(answer, size)
	windows.WTSFreeMemory(uintptr(answer))
	return nil
}

// filetime is a time as Windows has it in such answers.
func filetime(t int64) time.Time {
	if t <= 0 {
		return time.Time{}
	}
	ft := windows.Filetime{LowDateTime: uint32(t), HighDateTime: uint32(t >> 32)}
	return time.Unix(0, ft.Nanoseconds())
}
