package sandbox

import (
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// Describe is what went wrong in Lua, for people: the message, and in front of it the file and line, which messages
// do not have if a script raised them so or if gopher-lua failed; then the traceback knows. It leaves other errors as
// they are.
func Describe(err error) string {
	var api *lua.ApiError
	if !errors.As(err, &api) || api.Object == nil {
		return err.Error()
	}
	message, ok := toText(api.Object)
	switch {
	case !ok:
		message = fmt.Sprintf("error object is a %s", api.Object.Type())
	case api.Type == lua.ApiErrorPanic:
		message = "internal error: " + message
	}
	if placed(message) {
		return message
	}
	for line := range strings.Lines(api.StackTrace) {
		if line = strings.TrimSpace(line); placed(line) && line[0] != '[' {
			file, rest, _ := strings.Cut(line, ":")
			number, _, _ := strings.Cut(rest, ":")
			return file + ":" + number + ": " + message
		}
	}
	return message
}

// placed says whether a message begins with a file and a line.
func placed(message string) bool {
	file, rest, ok := strings.Cut(message, ":")
	number, _, ends := strings.Cut(rest, ":")
	return ok && ends && file != "" && !strings.ContainsAny(file, " \t\n") && number != "" && strings.Trim(number, "0123456789") == ""
}
