package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"
)

// volume is one file system that holds somebody's files.
type volume struct {
	Device     string `lua:"device"`
	Mount      string `lua:"mount"`
	FileSystem string `lua:"file_system"`
	Removable  bool   `lua:"removable"`
	ReadOnly   bool   `lua:"read_only"`
	Total      uint64 `lua:"total_bytes"`
	Free       uint64 `lua:"free_bytes"`
	Used       uint64 `lua:"used_bytes"`
}

// volumes leaves out a volume that cannot be asked, such as an empty drive, unless none is left.
func (m machine) volumes(ctx context.Context) ([]volume, error) {
	mounted, err := m.mounted(ctx)
	if err != nil {
		return nil, err
	}
	all, troubles := []volume{}, []error(nil)
	for _, v := range mounted {
		usage, err := disk.UsageWithContext(ctx, v.Mount)
		if err != nil {
			troubles = append(troubles, fmt.Errorf("volume %q: %w", v.Mount, err))
			continue
		}
		if usage.Total == 0 {
			continue
		}
		v.Total, v.Free, v.Used = usage.Total, usage.Free, usage.Used
		all = append(all, v)
	}
	if len(all) == 0 {
		return nil, errors.Join(troubles...)
	}
	return all, nil
}

// mounted lists each volume once, under the first of its mount points.
func (m machine) mounted(ctx context.Context) ([]volume, error) {
	partitions, err := disk.PartitionsWithContext(m.elsewhere(ctx), true)
	if err != nil && len(partitions) == 0 {
		return nil, fmt.Errorf("volumes: %w", err)
	}
	all, seen := []volume{}, map[string]bool{}
	for _, p := range partitions {
		if !holdsFiles(p) || seen[p.Device] {
			continue
		}
		seen[p.Device] = true
		all = append(all, volume{
			Device: p.Device, Mount: p.Mountpoint, FileSystem: p.Fstype, Removable: m.removable(p.Device),
			ReadOnly: slices.Contains(p.Opts, "ro"),
		})
	}
	return all, nil
}

// holdsFiles tells volumes of this machine from what only looks like one: the kernel's own file systems, images of
// applications, and what another machine serves.
func holdsFiles(p disk.PartitionStat) bool {
	switch strings.ToLower(p.Fstype) {
	case "squashfs", "erofs", "iso9660", "udf", "cdfs", "devtmpfs", "devfs", "autofs", "nfs", "nfs4", "cifs", "smb3", "smbfs":
		return false
	case "overlay", "rootfs": // the whole of a container
		return p.Mountpoint == "/"
	case "zfs", "btrfs", "bcachefs":
		return true
	}
	if slices.Contains(p.Opts, "bind") {
		return false
	}
	return isDevice(p.Device) && !strings.HasPrefix(p.Device, "/dev/fuse") && !strings.HasPrefix(p.Mountpoint, "/snap/")
}
