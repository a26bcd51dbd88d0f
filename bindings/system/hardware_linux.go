package system

import (
	"context"
	"strings"
)

// table is the firmware's table, nil where the machine has none, or shows it to nobody.
func (m machine) table() []structure {
	text, err := m.read("sys/firmware/dmi/tables/DMI")
	if err != nil {
		return nil
	}
	return parseSMBIOS(text)
}

// identity asks the firmware's table, then what the kernel says of it, then the device tree that boards without such
// firmware have.
func (m machine) identity(context.Context) (hardware, error) {
	if table := m.table(); table != nil {
		return identify(table), nil
	}
	dmi := func(name string) string { return meaningful(m.line("sys/class/dmi/id", name)) }
	if m.exists("sys/class/dmi/id/sys_vendor") {
		return hardware{
			Manufacturer: dmi("sys_vendor"), Model: dmi("product_name"), Version: dmi("product_version"),
			Serial: dmi("product_serial"), UUID: strings.ToLower(dmi("product_uuid")), BoardSerial: dmi("board_serial"),
			ChassisSerial: dmi("chassis_serial"), Chassis: chassisOf(m.line("sys/class/dmi/id/chassis_type")),
		}, nil
	}
	return hardware{
		Model: m.line("proc/device-tree/model"), Serial: meaningful(m.line("proc/device-tree/serial-number")),
	}, nil
}

// container names what keeps this system within another one's kernel; "" when nothing does.
func (m machine) container() string {
	if kind := m.line("run/systemd/container"); kind != "" {
		return kind
	}
	for _, variable := range strings.Split(m.line("proc/1/environ"), "\x00") {
		if kind, ok := strings.CutPrefix(variable, "container="); ok && kind != "" {
			return kind
		}
	}
	switch {
	case m.exists("run/.containerenv"):
		return "podman"
	case m.exists(".dockerenv"):
		return "docker"
	case strings.Contains(strings.ToLower(m.line("proc/sys/kernel/osrelease")), "microsoft"):
		return "wsl"
	}
	return ""
}

// hypervisor asks the kernel what it found below itself.
func (m machine) hypervisor() string {
	if kind := m.line("sys/hypervisor/type"); kind != "" {
		if strings.Contains(m.line("proc/xen/capabilities"), "control_d") {
			return "" // the machine's own system, beside its guests
		}
		return kind
	}
	if kind := m.line("proc/device-tree/hypervisor/compatible"); kind != "" {
		return strings.TrimPrefix(kind, "linux,")
	}
	info := m.line("proc/cpuinfo")
	if strings.Contains(info, "User Mode Linux") {
		return "uml"
	}
	for line := range strings.Lines(info) {
		if name, flags, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			if strings.Contains(flags+" ", " hypervisor ") || strings.HasSuffix(strings.TrimSpace(flags), " hypervisor") {
				return "other"
			}
			return ""
		}
	}
	return ""
}
