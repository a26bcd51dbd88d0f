# What sessions.sh runs in the container: users log in and out, and jobs run as them.
set -u
. /tools/said.sh
export HOME=/root PATH=$PATH:/usr/sbin
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
job() { ./borealis-engine send --dir /srv/engine --run-mode current_user --script user.sh --wait 30s >/tmp/job 2>&1; cat /tmp/job; }
says() { holds "it says: $1" grep -qE "$1" /tmp/job; }
seen() { for _ in $(seq 300); do grep -q "$1" $log 2>/dev/null && return; sleep 0.1; done; bad "waited in vain for: $1"; tail $log; exit 1; }
login() { systemd-run --quiet --uid="$1" -p PAMName=login -E XDG_SESSION_TYPE="$2" -E XDG_SESSION_CLASS=user -E DISPLAY=:7 -E LANG=pl_PL.UTF-8 sleep 1000; }
logout() { loginctl terminate-session "$(loginctl list-sessions --no-legend | awk -v u="$1" '$3 == u { print $1; exit }')"; }
own() { # NAME ID: the job ran as this user, in this user's session
  says "^uid=$2\($1\) gid=$2\($1\)"
  says "^HOME=/home/$1\$"; says "^XDG_RUNTIME_DIR=/run/user/$2\$"; says "^DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$2/bus\$"
  says "^0::/system.slice/agent.service/borealis-session-$2-[^/]*/borealis-run-"
  says "^made by $2:$2\$"; says '^the session bus answers'
  holds 'it reaches nothing of its host' sh -c '! grep -q REACHED /tmp/job'
}

seen 'connected to the Engine'
echo '== nobody is logged in'
job; says '^no user is logged in'

echo '== ada is logged in'
login ada x11; seen 'user=ada'; sleep 1
job; own ada 1000
says 'groups=1000\(ada\),29\(audio\),44\(video\)'; says '^XDG_SESSION_TYPE=x11$'; says '^DISPLAY=:7$'; says '^LANG=pl_PL.UTF-8$'
sed -n 's/^Pss: */session host: PSS /p' "/proc/$(pgrep -f session-host)/smaps_rollup"

echo '== ada is logged out'
logout ada; seen 'agent ended mode=CURRENTUSER'
job; says '^no user is logged in'

echo '== bob is logged in'
login bob tty; seen 'user=bob'; sleep 1
job; own bob 1001
holds 'he has no group of hers' sh -c '! grep -q audio /tmp/job'

echo '== the agent is killed'
host=$(pgrep -f session-host)
kill -9 "$(systemctl show -p MainPID --value agent)"
for _ in $(seq 50); do [ -e "/proc/$host" ] || break; sleep 0.1; done
holds 'the host is gone with it' [ ! -e "/proc/$host" ]
