#!/usr/bin/env bash
# Tests the tunnel against the kernel's own WireGuard: boots Debian's cloud kernel in qemu, with nothing in it but busybox
# and wg, and has it be the Engine's side (root on Debian; a minute, and 250 MB of packages the first time).
set -euo pipefail
umask 077
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "kernel-wireguard: needs root, and Debian" >&2
  exit 1
fi
for program in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static wg:wireguard-tools cpio:cpio; do
  command -v "${program%%:*}" >/dev/null ||
    apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends "${program##*:}" </dev/null
done

dir=$(mktemp -d -p /dev/shm borealis-kernel-XXXXXX)
qemu=
trap '[ -z "$qemu" ] || kill "$qemu" 2>/dev/null; rm -rf "$dir"' EXIT

package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
(cd "$dir" && apt-get download -q -o APT::Sandbox::User=root "$package" && dpkg-deb -x ./*.deb kernel)

# The machine: what WireGuard and a network card need of the kernel, busybox, wg, and the keys.
root=$dir/root
mkdir -p "$root"/{bin,lib/modules,proc,sys,dev,etc}
cp "$(command -v busybox)" "$root/bin/busybox"
for module in libcurve25519-generic curve25519-x86_64 libchacha chacha-x86_64 libchacha20poly1305 poly1305-x86_64 libpoly1305 \
  udp_tunnel ip6_udp_tunnel wireguard failover net_failover virtio virtio_ring virtio_pci virtio_pci_modern_dev \
  virtio_pci_legacy_dev virtio_net crc32c_generic libcrc32c libblake2s libblake2s-generic blake2s-x86_64 ipv6; do
  find "$dir/kernel/lib/modules" -name "$module.ko" -exec cp {} "$root/lib/modules/" \;
done
{ command -v wg; ldd "$(command -v wg)" | grep -o '/[^ ]*'; } | while read -r file; do
  install -D "$(readlink -f "$file")" "$root$file"
done
wg genkey >"$root/etc/engine.key"
agent_key=$(wg genkey)
wg pubkey <<<"$agent_key" >"$root/etc/agent.pub"
port=$((20000 + RANDOM % 20000))
echo_port=$((port + 1))
cat >"$root/init" <<EOF
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
for round in 1 2 3 4 5; do for m in /lib/modules/*.ko; do insmod \$m 2>/dev/null; done; done
ip link set lo up
ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2
ip link add wg0 type wireguard || echo "NO WIREGUARD"
$(command -v wg) set wg0 listen-port 51820 private-key /etc/engine.key peer "\$(cat /etc/agent.pub)" allowed-ips 10.255.0.2/32
ip addr add 10.255.0.1/32 dev wg0; ip link set wg0 mtu 1420 up; ip route add 10.255.0.2/32 dev wg0
(while :; do nc -l -p 7000 -e cat; done) &
echo READY
while :; do head -c 1000 /dev/zero | tr '\\0' k | nc -w 5 10.255.0.2 $echo_port >/dev/null 2>&1; sleep 1; done
EOF
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$dir/initrd.gz"

qemu-system-x86_64 -accel tcg -cpu max -m 256 -nographic -no-reboot -kernel "$dir"/kernel/boot/vmlinuz-* -initrd "$dir/initrd.gz" \
  -append "console=ttyS0 quiet panic=-1" -nic "user,model=virtio-net-pci,hostfwd=udp:127.0.0.1:$port-:51820" \
  >"$dir/console" 2>&1 </dev/null &
qemu=$!
for _ in $(seq 600); do
  if grep -q READY "$dir/console"; then break; fi
  kill -0 "$qemu" 2>/dev/null || break
  sleep 0.2
done
if ! grep -q READY "$dir/console" || grep -q "NO WIREGUARD" "$dir/console"; then
  echo "kernel-wireguard: the machine did not come up" >&2
  tail -n 30 "$dir/console" >&2
  exit 1
fi

echo "kernel-wireguard: $package"
BOREALIS_KERNEL_ENGINE="$port $(wg pubkey <"$root/etc/engine.key") $agent_key $echo_port" \
  go test -count 1 -v -timeout 5m -run TheKernelsWireGuard ./agent/tunnel | grep -v '^=== '
