package system

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/host"
	"golang.org/x/sys/windows/registry"
)

func (m machine) platform(context.Context) (platform, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return platform{}, fmt.Errorf("version of Windows: %w", err)
	}
	defer key.Close()
	text := func(name string) string {
		value, _, err := key.GetStringValue(name)
		if err != nil { // what an edition does not have
			return ""
		}
		return value
	}
	build, revision := text("CurrentBuild"), ""
	if n, _, err := key.GetIntegerValue("UBR"); err == nil {
		revision = strconv.FormatUint(n, 10)
	}
	display := text("DisplayVersion")
	if display == "" {
		display = text("ReleaseId")
	}
	server := strings.HasPrefix(text("InstallationType"), "Server")
	p := platform{
		Family: "windows", ID: "windows", Name: windowsName(text("ProductName"), display, build, revision), Version: display,
		Kernel: "10.0." + build, Server: server, Graphical: text("InstallationType") != "Server Core",
	}
	p.Architecture, err = host.KernelArch()
	return p, err
}
