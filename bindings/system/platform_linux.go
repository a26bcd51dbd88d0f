package system

import (
	"cmp"
	"context"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/host"
)

func (m machine) platform(context.Context) (platform, error) {
	release := m.line("etc/os-release")
	if release == "" {
		release = m.line("usr/lib/os-release")
	}
	values := parseRelease(release)
	p := platform{
		Family: "linux", ID: cmp.Or(values["ID"], "linux"), Version: values["VERSION_ID"],
		Name:   cmp.Or(values["PRETTY_NAME"], values["NAME"], "Linux"),
		Kernel: m.line("proc/sys/kernel/osrelease"), Graphical: m.graphical(),
		Server: values["VARIANT_ID"] == "server",
	}
	arch, err := host.KernelArch()
	p.Architecture = arch
	return p, err
}

// graphical reports whether people log in at a screen: there is a kind of session to log in to, and the machine starts
// into one, as far as systemd says.
func (m machine) graphical() bool {
	if len(m.glob("usr/share/xsessions/*.desktop")) == 0 && len(m.glob("usr/share/wayland-sessions/*.desktop")) == 0 {
		return false
	}
	for _, unit := range []string{"etc/systemd/system/default.target", "usr/lib/systemd/system/default.target"} {
		if target, err := filepath.EvalSymlinks(m.path(unit)); err == nil {
			return filepath.Base(target) == "graphical.target"
		}
	}
	return true
}
