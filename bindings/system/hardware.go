package system

import (
	"context"
	"strings"
)

// hardware is what the machine is made of.
type hardware struct {
	Manufacturer  string `lua:"manufacturer"`
	Model         string `lua:"model"`
	Version       string `lua:"version"`
	Serial        string `lua:"serial"`
	UUID          string `lua:"uuid"`
	BoardSerial   string `lua:"board_serial"`
	ChassisSerial string `lua:"chassis_serial"`
	Chassis       string `lua:"chassis"`
	Virtual       string `lua:"virtual"`
	Container     string `lua:"container"`
}

func (m machine) hardware(ctx context.Context) (hardware, error) {
	h, err := m.identity(ctx)
	if err != nil {
		return hardware{}, err
	}
	h.Container = m.container()
	if h.Virtual = hypervisorOf(h.Manufacturer + " " + h.Model + " " + h.Version); h.Virtual == "" {
		h.Virtual = m.hypervisor()
	}
	return h, nil
}

// identify reads who made the machine out of its firmware's table. The first structure of a kind is the machine's own.
func identify(table []structure) hardware {
	var h hardware
	seen := map[byte]bool{}
	for _, s := range table {
		if seen[s.kind] {
			continue
		}
		seen[s.kind] = true
		switch s.kind {
		case smbiosSystem:
			h.Manufacturer, h.Model, h.Version = s.text(4), s.text(5), s.text(6)
			h.Serial, h.UUID = s.text(7), s.uuid(8)
		case smbiosBoard:
			h.BoardSerial = s.text(7)
		case smbiosChassis:
			h.Chassis, h.ChassisSerial = chassisKind(s.byte(5)), s.text(7)
		}
	}
	return h
}

// hypervisorOf knows virtual machines by what their makers write into the firmware.
func hypervisorOf(maker string) string {
	maker = strings.ToLower(maker)
	for _, known := range []struct{ word, kind string }{
		{"vmware", "vmware"},
		{"virtualbox", "virtualbox"},
		{"innotek", "virtualbox"},
		{"kvm", "kvm"},
		{"qemu", "qemu"},
		{"bochs", "qemu"},
		{"standard pc (", "qemu"},
		{"xen", "xen"},
		{"hvm domu", "xen"},
		{"parallels", "parallels"},
		{"microsoft corporation virtual machine", "hyperv"},
		{"amazon ec2", "amazon"},
		{"google compute engine", "google"},
		{"openstack", "openstack"},
		{"ovirt", "kvm"},
		{"rhev", "kvm"},
		{"bhyve", "bhyve"},
		{"apple virtualization", "apple"},
		{"nutanix ahv", "nutanix"},
		{"cloud hypervisor", "cloud-hypervisor"},
		{"firecracker", "firecracker"},
	} {
		if strings.Contains(maker, known.word) && !strings.Contains(maker, ".metal") {
			return known.kind
		}
	}
	return ""
}
