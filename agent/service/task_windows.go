package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unicode/utf16"

	"golang.org/x/sys/windows"
)

// logonTask is a service that the task scheduler runs from its user's logon on.
type logonTask struct{ Service }

func schtasks(ctx context.Context, args ...string) (string, error) {
	return command(ctx, "schtasks.exe", args...)
}

// install writes the task anew: the scheduler gives back what it stored in words of its own, which cannot be compared.
func (t logonTask) install(ctx context.Context) (changed bool, err error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return false, err
	}
	text, err := t.task(user.User.Sid.String())
	if err != nil {
		return false, err
	}
	f, err := os.CreateTemp("", t.Name+"-*.xml")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(utf16File(text))
	if err := errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	if _, err := schtasks(ctx, "/Create", "/F", "/TN", t.Name, "/XML", f.Name()); err != nil {
		return false, err
	}
	if !t.known(ctx) {
		return false, fmt.Errorf("task %q: the scheduler took it and does not have it", t.Name)
	}
	return true, nil
}

// utf16File is a text as the scheduler reads files: UTF-16 with its mark.
func utf16File(text string) []byte {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, unit)
	}
	return out
}

func (t logonTask) known(ctx context.Context) bool {
	_, err := schtasks(ctx, "/Query", "/TN", t.Name)
	return err == nil
}

func (t logonTask) uninstall(ctx context.Context) error {
	if !t.known(ctx) {
		return nil
	}
	if _, err := schtasks(ctx, "/End", "/TN", t.Name); err != nil {
		return err
	}
	_, err := schtasks(ctx, "/Delete", "/F", "/TN", t.Name)
	return err
}

// state cannot say whether the task runs: the scheduler's words for it are in the system's language.
func (t logonTask) state(ctx context.Context) (State, error) {
	known := t.known(ctx)
	return State{Installed: known, Enabled: known, Says: "a task; whether it runs, its program tells"}, nil
}
