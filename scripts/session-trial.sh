#!/usr/bin/env bash
# Tries jobs for the logged-in user on a real systemd with a real logind, in a container: scripts/session-trial.sh DIR
# DIR gets the container's files (150 MB, made once; half a minute) and stays. Needs root, Debian and its packages.
# `make test` has the same with a logind of its own, since it cannot log anybody in.
set -euo pipefail
dir=$(realpath -m "${1:?DIR}")
cd "$(dirname "$0")/.."

if [ ! -e "$dir/.ready" ]; then
  apt-get -o DPkg::Lock::Timeout=300 install -y -q --no-install-recommends mmdebstrap systemd-container >/dev/null
  mmdebstrap --quiet --variant=essential --aptopt='APT::Install-Recommends "false"' \
    --include=systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,procps,login,passwd bookworm "$dir"
  touch "$dir/.ready"
fi

# The container's overlay forgets what a trial did. What it runs comes in through $tools.
tools=$(mktemp -d)
trap 'kill "$nspawn" 2>/dev/null; wait "$nspawn" 2>/dev/null || true; rm -rf "$tools"' EXIT
chmod 755 "$tools"
for program in agent:borealis-agent agent/worker:borealis-worker examples/engine:borealis-engine; do
  CGO_ENABLED=0 go build -o "$tools/${program#*:}" "./${program%:*}"
done
cat >"$tools/user.sh" <<'END'
id
env | grep -E '^(XDG_|DBUS_|DISPLAY|USER|LANG|HOME)' | sort
grep ^0:: /proc/self/cgroup
touch ~/made; stat -c 'made by %u:%g' ~/made
cat /proc/$PPID/environ 2>/dev/null && echo 'REACHED the host'
ls /proc/$PPID/fd 2>/dev/null && echo 'REACHED the host'
busctl --user list >/dev/null && echo 'the session bus answers'
END
cat >"$tools/inside.sh" <<'END'
set -u
export HOME=/root
cd /root
echo '127.0.0.1 localhost' >/etc/hosts
useradd -m -G audio,video ada
useradd -m bob
cp -r /tools /usr/local/tools
cd /usr/local/tools
./borealis-engine serve --dir /srv/engine --addr 127.0.0.1:5000 --auto-approve --json >/srv/engine.json 2>/dev/null </dev/null &
log=/srv/home/Agent/Logs/agent.log
until [ -s /srv/engine.json ]; do sleep 0.1; done
systemd-run --quiet --unit=agent -p Delegate=yes -p Environment=BOREALIS_SERVER_URL=https://localhost:5000 \
  "$PWD/borealis-agent" run --system-service --home /srv/home --engine-ca /srv/engine/tls/root.pem \
  --enrollment-code "$(sed 's/.*"code":"\([^"]*\)".*/\1/' /srv/engine.json)"
job() { ./borealis-engine send --dir /srv/engine --run-mode current_user --script "$1" --wait 30s || true; }
seen() { for _ in $(seq 300); do grep -q "$1" $log 2>/dev/null && return; sleep 0.1; done; echo "waited in vain for: $1"; tail $log; exit 1; }
login() { systemd-run --quiet --uid="$1" -p PAMName=login -E XDG_SESSION_TYPE="$2" -E XDG_SESSION_CLASS=user -E DISPLAY=:7 -E LANG=pl_PL.UTF-8 sleep 1000; }
logout() { loginctl terminate-session "$(loginctl list-sessions --no-legend | awk -v u="$1" '$3 == u { print $1; exit }')"; }

seen 'connected to the Engine'
echo '== nobody is logged in'; job user.sh; echo
login ada x11; seen 'user=ada'; sleep 1
echo '== ada is logged in'; job user.sh
ps -o pid,user,rss,args -C borealis-agent
sed -n 's/^Pss: */session host: PSS /p' "/proc/$(pgrep -f session-host)/smaps_rollup"
logout ada; seen 'agent ended mode=CURRENTUSER'
echo '== ada is logged out'; job user.sh; echo
login bob tty; seen 'user=bob'; sleep 1
echo '== bob is logged in'; job user.sh
host=$(pgrep -f session-host)
kill -9 "$(systemctl show -p MainPID --value agent)"
for _ in $(seq 50); do [ -e "/proc/$host" ] || break; sleep 0.1; done
[ -e "/proc/$host" ] && echo 'the host OUTLIVED the agent' || echo '== the agent was killed, and its host is gone'
END

systemd-nspawn -q -b -D "$dir" --volatile=overlay --register=no --keep-unit --private-network \
  --machine="session-trial$$" --bind-ro="$tools:/tools" >"$tools/console" 2>&1 </dev/null &
nspawn=$!
inside() { nsenter -t "$leader" -m -p -i -u -n -C "$@"; }
leader=
for _ in $(seq 300); do
  leader=$(pgrep -P "$nspawn" -x systemd || true)
  if [ -n "$leader" ] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; then break; fi
  sleep 0.1
done
[ -n "$leader" ] || { cat "$tools/console"; exit 1; }
inside bash /tools/inside.sh </dev/null | tee "$tools/said"
inside systemctl poweroff || true
! grep -qE 'REACHED|OUTLIVED|waited in vain' "$tools/said"
