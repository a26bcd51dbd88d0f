package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/windows/registry"
)

// uninstall is where programs say how they are removed, and what they are.
const uninstall = `Software\Microsoft\Windows\CurrentVersion\Uninstall`

// hive is one place with an uninstall key.
type hive struct {
	root registry.Key
	path string
	view uint32
}

// hives are both views of the machine's, and of each user's whose hive is loaded.
func hives() ([]hive, error) {
	all := []hive{
		{registry.LOCAL_MACHINE, uninstall, registry.WOW64_64KEY},
		{registry.LOCAL_MACHINE, uninstall, registry.WOW64_32KEY},
	}
	users, err := registry.OpenKey(registry.USERS, "", registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return all, fmt.Errorf("users' hives: %w", err)
	}
	defer users.Close()
	names, err := users.ReadSubKeyNames(-1)
	if err != nil {
		return all, fmt.Errorf("users' hives: %w", err)
	}
	for _, sid := range names {
		if strings.HasPrefix(sid, "S-1-5-21-") && !strings.HasSuffix(sid, "_Classes") || strings.HasPrefix(sid, "S-1-12-1-") {
			all = append(all, hive{registry.USERS, sid + `\` + uninstall, registry.WOW64_64KEY})
			all = append(all, hive{registry.USERS, sid + `\` + uninstall, registry.WOW64_32KEY})
		}
	}
	return all, nil
}

func (m machine) databases() []database { return []database{{list: m.uninstallKeys}} }

// uninstallKeys lists what is to be seen under "Installed apps".
func (m machine) uninstallKeys(context.Context) ([]installed, error) {
	all := []installed{}
	err := eachProgram(func(name string, key registry.Key) {
		if p, ok := program(key); ok {
			all = append(all, p)
		}
	})
	return all, err
}

// eachProgram opens the key of every program in turn; one that vanishes meanwhile is passed over.
func eachProgram(f func(name string, key registry.Key)) error {
	places, err := hives()
	if err != nil {
		return err
	}
	for _, h := range places {
		parent, err := registry.OpenKey(h.root, h.path, registry.ENUMERATE_SUB_KEYS|h.view)
		if errors.Is(err, registry.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("registry key %q: %w", h.path, err)
		}
		names, err := parent.ReadSubKeyNames(-1)
		if err == nil {
			for _, name := range names {
				if key, err := registry.OpenKey(parent, name, registry.QUERY_VALUE|h.view); err == nil {
					f(h.path+`\`+name, key)
					key.Close()
				}
			}
		}
		parent.Close()
		if err != nil {
			return fmt.Errorf("registry key %q: %w", h.path, err)
		}
	}
	return nil
}

// program reads one key. What hides itself there is a part of something else.
func program(key registry.Key) (installed, bool) {
	text := func(name string) string {
		value, _, err := key.GetStringValue(name)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(value)
	}
	hidden, _, err := key.GetIntegerValue("SystemComponent")
	p := installed{Name: text("DisplayName"), Version: text("DisplayVersion"), Publisher: text("Publisher"), Source: "local_installed"}
	return p, p.Name != "" && (err != nil || hidden != 1)
}

// stampMore writes when each program's key last changed.
func (m machine) stampMore(sum io.Writer) {
	err := eachProgram(func(name string, key registry.Key) {
		if info, err := key.Stat(); err == nil {
			fmt.Fprintln(sum, name, info.ModTime().UnixNano())
		}
	})
	if err != nil {
		fmt.Fprintln(sum, err)
	}
}
