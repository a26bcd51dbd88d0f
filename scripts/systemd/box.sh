# A container with a real systemd, for the checks beside this file, which source it. Needs root, Debian and its packages
# mmdebstrap and systemd-container. Its files (150 MB, made once in half a minute) stay in $BOREALIS_BOX; each check works on a
# copy in memory. What a check runs comes in through $tools, which the container sees as /tools.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

box=${BOREALIS_BOX:-/var/tmp/borealis-systemd}
work=$(mktemp -d -p "${TMPDIR:-/dev/shm}" borealis-systemd.XXXXXX)
tools=$work/tools
mkdir -m 755 "$tools"
chmod 755 "$work"
leader= nspawn=
trap box_end EXIT

box_build() {
  if [ -e "$box/.ready" ]; then return; fi
  rm -rf "$box"
  mmdebstrap --quiet --variant=essential --aptopt='APT::Install-Recommends "false"' \
    --include=systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,procps,login,passwd bookworm "$box"
  touch "$box/.ready"
}

# box_program DIR PACKAGE NAME [FLAGS...] builds a program of ours for the container.
box_program() {
  local dir=$1 package=$2 name=$3
  shift 3
  CGO_ENABLED=0 go build -trimpath "$@" -o "$dir/$name" "./$package"
}

# box_programs builds the agent, its worker and the embedded Engine; box_next an agent of a higher version, into $tools/next.
box_programs() {
  box_program "$tools" agent borealis-agent
  box_program "$tools" agent/worker borealis-worker
  box_program "$tools" examples/engine borealis-engine
}

box_next() {
  mkdir "$tools/next"
  box_program "$tools/next" agent borealis-agent -ldflags '-X main.version=9.9.9'
  cp "$tools/borealis-worker" "$tools/next"
}

# box_on boots it and returns when it is up.
box_on() {
  box_build
  cp -a "$box" "$work/root"
  box_start
}

box_start() {
  systemd-nspawn -q -b -D "$work/root" --register=no --keep-unit --private-network --machine="borealis$$" \
    --bind-ro="$tools:/tools" >"$work/console" 2>&1 </dev/null &
  nspawn=$!
  box_up || { cat "$work/console"; exit 1; }
}

box_up() {
  for _ in $(seq 300); do
    leader=$(pgrep -P "$nspawn" -x systemd || true)
    if [ -n "$leader" ] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then return; fi
    sleep 0.1
  done
  return 1
}

# box_down takes it down as a machine is.
box_down() {
  if [ -n "$leader" ]; then inside systemctl poweroff >/dev/null 2>&1 || true; fi
  if [ -n "$nspawn" ]; then
    for _ in $(seq 300); do kill -0 "$nspawn" 2>/dev/null || break; sleep 0.1; done
    kill "$nspawn" 2>/dev/null || true
    wait "$nspawn" 2>/dev/null || true
  fi
  leader= nspawn=
}

# box_reboot boots it again. (nspawn's own reboot wants a /run that is in memory.)
box_reboot() {
  box_down
  box_start
}

inside() { nsenter -t "$leader" -m -p -i -u -n -C "$@"; }

box_end() {
  box_down
  rm -rf "$work"
}

# box_check NAME runs NAME-inside.sh of this directory in the container, and fails when a line of it begins with WRONG.
box_check() {
  cp "scripts/systemd/said.sh" "scripts/systemd/$1-inside.sh" "$tools"
  inside env BOREALIS_LONG="${BOREALIS_LONG:-}" bash "/tools/$1-inside.sh" </dev/null 2>&1 | tee "$work/said"
  if grep -q '^WRONG' "$work/said"; then return 1; fi # "! grep" would end no script
  grep -q '^ok' "$work/said"
}
