#!/usr/bin/env bash
# Runs the Windows tests of the packages below under Wine, in a chroot of Debian 13 that is made when it is not there and
# this is root on Debian (about two minutes and 1.5 GB in WINE_DIR, /var/tmp/borealis-wine); arguments name other packages.
# With --if-there it does nothing where there is no such chroot. What Wine cannot prove is in docs/platforms.md.
#
# Go's UDP sockets need one thing that Wine lacks; the tests, and only they, are built with a standard library in which
# that is no error (-overlay).
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(bindings/process bindings/lua bindings/http bindings/fs agent/settings agent/identity agent/gate agent/wire agent/service agent/control agent/session agent/session/host)
if_there=
if [ "${1-}" = --if-there ]; then
  if_there=yes
  shift
fi
if [ $# -gt 0 ]; then packages=("$@"); fi
dir=${WINE_DIR:-/var/tmp/borealis-wine}
root=$dir/root
overlay=$dir/overlay.json

make_root() {
  echo "wine: making $root"
  mkdir -p "$dir"
  command -v mmdebstrap >/dev/null || apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends mmdebstrap </dev/null
  local mirror
  mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources)
  mmdebstrap --quiet --variant=apt --include=wine,wine64 --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' trixie "$root" "$mirror"
  inside wineboot -i >/dev/null 2>&1
  inside wineserver -w
  touch "$dir/ready"
}

# inside runs a program in the chroot, in a mount namespace of its own: what is mounted for it ends with it, above all
# the folder for temporary files, which is kept in memory. It waits for Wine's server, which sees the same mounts.
inside() {
  unshare --mount --propagation private bash -euc '
    root=$1 repo=$2; shift 2
    mount --bind /proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mkdir -p "$root$repo"
    mount --bind "$repo" "$root$repo"
    temp=$root/root/wine/drive_c/users/root/AppData/Local/Temp
    if [ -d "$temp" ]; then mount -t tmpfs tmpfs "$temp"; fi
    exec chroot "$root" env -i PATH=/usr/bin:/bin HOME=/root XDG_RUNTIME_DIR=/tmp WINEPREFIX=/root/wine WINEDEBUG=-all \
      ${BOREALIS_TEST_CONSOLE:+BOREALIS_TEST_CONSOLE=1} bash -c "cd \"\$1\"; shift; \"\$@\"; status=\$?; wineserver -w; exit \$status" - "$PWD" "$@"
  ' - "$root" "$(git rev-parse --show-toplevel)" "$@"
}

make_overlay() {
  local from
  from=$(go env GOROOT)/src/net/fd_windows.go
  sed '/SIO_UDP_NETRESET/{n;s/if err != nil {/if err != nil \&\& err != syscall.Errno(10045) {/}' "$from" >"$dir/fd_windows.go"
  ! cmp -s "$from" "$dir/fd_windows.go" || { echo "wine: Go's $from has changed, and with it what the tests need" >&2; exit 1; }
  printf '{"Replace":{"%s":"%s"}}\n' "$from" "$dir/fd_windows.go" >"$overlay"
}

# run_tests builds one package's tests and runs them where their files are.
run_tests() {
  local package=$1 program
  shift
  program=$(mktemp -p "$root/tmp" test-XXXXXX.exe)
  CGO_ENABLED=0 GOOS=windows GOFLAGS=-buildvcs=false go test -c -overlay "$overlay" -o "$program" "./$package"
  local status=0
  (cd "$package" && inside wine "Z:\\tmp\\$(basename "$program")" -test.short -test.timeout 10m "$@") || status=$?
  rm -f "$program"
  return $status
}

if [ ! -e "$dir/ready" ]; then
  if [ -n "$if_there" ]; then echo "wine: not there, so nothing is run under it; make wine installs it"; exit; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "wine: needs root, and Debian, to make $root" >&2
    exit 1
  fi
  make_root
fi
if [ "$(id -u)" != 0 ]; then echo "wine: needs root, to enter $root"; exit; fi
make_overlay
for package in "${packages[@]}"; do
  echo "wine: $package"
  run_tests "$package"
done
case " ${packages[*]} " in *" bindings/process "*) ;; *) exit ;; esac
# A pseudo console needs that its maker has a console, which a terminal gives it.
export BOREALIS_TEST_CONSOLE=1
export -f run_tests inside
export root overlay
echo "wine: a terminal of bindings/process"
script -qec "bash -euo pipefail -c 'run_tests bindings/process -test.run TestATerminalOfWindows -test.v'" /dev/null </dev/null
