# What service.sh runs in the container: the agent as a service of a real systemd, treated badly.
set -u
. /tools/said.sh
export HOME=/root PATH=$PATH:/usr/sbin
cd /root
echo '127.0.0.1 localhost' >/etc/hosts
useradd -m ada
find / -xdev \( -path /proc -o -path /sys -o -path /var/log -o -path /tmp -o -path /var/tmp -o -path /run \) -prune -o -print | sort >/tmp/before
mkdir /tmp/tools; cp -r /tools/. /tmp/tools; cd /tmp/tools
./borealis-engine serve --dir /tmp/engine --addr 127.0.0.1:5000 --auto-approve --json >/tmp/engine.json 2>/dev/null </dev/null &
until [ -s /tmp/engine.json ]; do sleep 0.1; done
code=$(sed 's/.*"code":"\([^"]*\)".*/\1/' /tmp/engine.json)
agent=/usr/local/lib/borealis-agent/borealis-agent
unit=/etc/systemd/system/borealis-agent.service
pid() { systemctl show -p MainPID --value borealis-agent; }
answers() { for _ in $(seq 300); do $agent service status >/dev/null 2>&1 && return; sleep 0.1; done; return 1; }
renewed() { for _ in $(seq 600); do local p; p=$(pid); [ "$p" != 0 ] && [ "$p" != "$1" ] && return; sleep 0.1; done; return 1; }

echo '== places that others may write are refused'
mkdir /srv/loose; chmod 777 /srv/loose
fails 'a home under a loose folder' ./borealis-agent service install --home /srv/loose/home --engine https://localhost:5000
fails 'programs in a loose folder' ./borealis-agent service install --programs /srv/loose --engine https://localhost:5000
install -d -o ada /srv/hers
fails "programs in a user's folder" ./borealis-agent service install --programs /srv/hers/lib --engine https://localhost:5000
fails 'in place in a loose folder' sh -c 'chmod 777 /tmp/tools; ./borealis-agent service install --in-place --engine https://localhost:5000'
chmod 755 /tmp/tools
fails 'an ordinary user' runuser -u ada -- ./borealis-agent service install --engine https://localhost:5000
holds 'nothing was made of it' sh -c '[ ! -e /usr/local/lib/borealis-agent ] && [ -z "$(ls -A /srv/loose)" ] && [ -z "$(ls -A /srv/hers)" ] && [ ! -e /opt/borealis ] && [ ! -e '$unit' ]'
rm -rf /srv/loose /srv/hers

echo '== install'
start=$(date +%s%N)
BOREALIS_ENROLLMENT_CODE=$code ./borealis-agent service install --engine https://localhost:5000 --engine-ca /tmp/engine/tls/root.pem || bad install
echo "installed and seen working in $(ms "$start")"
$agent service status || bad status
$agent service status --json | head -c 400; echo
holds 'the code is neither in the unit nor on a command line' sh -c "! grep -rqF '$code' $unit && ! ps axww -o args | grep -v grep | grep -qF '$code'"
cat $unit
systemd-analyze verify $unit && ok 'systemd-analyze verify has nothing to say'
systemd-analyze security --no-pager borealis-agent | tail -n 1
stat -c '%A %U %n' /usr/local/lib/borealis-agent /usr/local/lib/borealis-agent/* /opt/borealis /opt/borealis/Roles /opt/borealis/Agent/Borealis/Settings /opt/borealis/Agent/Logs $unit
cat /opt/borealis/Agent/Logs/install.log
journalctl -u borealis-agent -n 3 --no-pager -o cat
before=$(pid)
./borealis-agent service install 2>/dev/null || bad 'install again'
holds 'installing the same again leaves the agent alone' [ "$(pid)" = "$before" ]

echo '== scripts are not fenced in'
for _ in $(seq 600); do $agent service status | grep -q 'connected  *yes' && break; sleep 0.1; done
cat >job.sh <<'S'
id -un; echo "HOME=$HOME"; touch /usr/local/made /etc/made /home/ada/made && mount -t tmpfs none /mnt && echo mounted
S
./borealis-engine send --dir /tmp/engine --script job.sh --wait 60s
holds 'what a script mounts is there for the machine' mountpoint -q /mnt
umount /mnt; rm -f /usr/local/made /etc/made /home/ada/made

echo '== stop, start, restart'
$agent service stop; holds stopped [ "$(pid)" = 0 ]
fails 'status of a stopped service' $agent service status
start=$(date +%s%N); systemctl start borealis-agent; echo "cold start to READY=1: $(ms "$start")"
$agent service restart || bad restart

echo '== kill -9, ten times'
for _ in 1 2 3 4 5 6 7 8 9 10; do
  p=$(pid); kill -9 "$p"; renewed "$p" || { bad 'not started again'; break; }
done
holds 'it works again' answers
echo "restarts counted: $(systemctl show -p NRestarts --value borealis-agent)"

echo '== a hung agent is found by the watchdog'
mkdir -p $unit.d; printf '[Service]\nWatchdogSec=2\nTimeoutAbortSec=2\n' >$unit.d/fast.conf; systemctl daemon-reload; systemctl restart borealis-agent
p=$(pid); start=$(date +%s%N); kill -STOP "$p"; renewed "$p" && echo "replaced after $(ms "$start") with WatchdogSec=2" || bad 'not replaced'
holds 'it works again' answers
journalctl -u borealis-agent --no-pager -o cat | grep -i -m 1 watchdog
rm -rf $unit.d; systemctl daemon-reload

echo '== upgrade'
$agent service restart || bad restart
start=$(date +%s%N); next/borealis-agent service install 2>/dev/null || bad upgrade; echo "upgraded in $(ms "$start")"
holds 'the new version runs' sh -c "$agent service status | grep 9.9.9"

echo '== an installation that is killed at any instant can be repeated'
instants='0.02 0.2'
if [ -n "$BOREALIS_LONG" ]; then instants='0.005 0.02 0.05 0.1 0.2 0.4 0.8'; fi
for after in $instants; do
  { timeout -s KILL $after ./borealis-agent service install; } >/dev/null 2>&1
  { timeout -s KILL $after next/borealis-agent service install; } >/dev/null 2>&1
done
./borealis-agent service install 2>/dev/null || bad 'install after kills'
holds 'it works' answers
ls -A /usr/local/lib/borealis-agent | tr '\n' ' '; echo

echo '== self-replace'
whole() { # one version, and its own worker
  cd "${1:-/usr/local/lib/borealis-agent}"
  [ "$(ls -A)" = "$(printf 'borealis-agent\nborealis-worker')" ] || { ls -A; return 1; }
  for of in /tmp/tools /tmp/tools/next; do cmp -s borealis-agent $of/borealis-agent && cmp -s borealis-worker $of/borealis-worker && return; done
  return 1
}
fails 'without a key' $agent self-replace next.tar.gz
./borealis-agent service install --release-key keys.pem 2>/dev/null || bad 'install with a key'
start=$(date +%s%N); $agent self-replace next.tar.gz || bad self-replace; echo "replaced in $(ms "$start")"
holds 'the new version runs, alone' whole; cd /tmp/tools
fails 'an older version' $agent self-replace this.tar.gz
start=$(date +%s%N); fails 'a broken version' $agent self-replace --within 10s broken.tar.gz; echo "rolled back in $(ms "$start")"
holds 'the one before works again' sh -c "$agent service status | grep 9.9.9"
holds whole whole; cd /tmp/tools
instants='0.3 0.7'
if [ -n "$BOREALIS_LONG" ]; then instants='0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0 1.2 1.5'; fi
for after in $instants; do
  for to in this next; do
    { timeout -s KILL $after $agent self-replace --older $to.tar.gz; } >/dev/null 2>&1
    holds "killed after $after s: it works" answers
  done
done
if [ -n "$BOREALIS_LONG" ]; then
  sleep 70 # a version on trial counts then, if nobody watches it
  rm -rf /usr/local/lib/borealis-agent/.try-* /usr/local/lib/borealis-agent/.*.new-*
  holds 'one whole version after the kills' whole; cd /tmp/tools
fi

echo '== uninstall'
$agent service uninstall --keep-data || bad uninstall
holds 'the data stayed' [ -e /opt/borealis/Agent/Borealis/Certificates ]
./borealis-agent service install 2>/dev/null || bad 'install on kept data'
$agent service uninstall || bad uninstall
holds 'uninstalling nothing is fine' ./borealis-agent service uninstall
find / -xdev \( -path /proc -o -path /sys -o -path /var/log -o -path /tmp -o -path /var/tmp -o -path /run \) -prune -o -print | sort >/tmp/after
diff /tmp/before /tmp/after && ok 'nothing is left'

echo '== a full disk'
mkdir /small; mount -t tmpfs -o size=80m,mode=755 none /small
agent=/small/lib/borealis-agent
./borealis-agent service install --programs /small/lib --release-key keys.pem --engine https://localhost:5000 --trust-on-first-use 2>/dev/null || bad 'install'
for room in 1 5 15 30 40; do # megabytes
  fill=$(($(df --output=avail -k /small | tail -n 1) / 1024 - room)); [ $fill -gt 0 ] && head -c ${fill}M /dev/zero >/small/fill
  fails "replaced with $room MB of room" $agent self-replace next.tar.gz
  holds 'it works' answers; holds whole whole /small/lib; cd /tmp/tools
  rm -f /small/fill
done
$agent service uninstall || bad uninstall
holds 'nothing is left on it' [ -z "$(ls -A /small)" ]
agent=/usr/local/lib/borealis-agent/borealis-agent

echo '== for a user'
loginctl enable-linger ada
for _ in $(seq 100); do [ -S "/run/user/$(id -u ada)/bus" ] && break; sleep 0.1; done
ada() { runuser -u ada -- env XDG_RUNTIME_DIR="/run/user/$(id -u ada)" HOME=/home/ada "$@"; }
cp /tmp/engine/tls/root.pem /home/ada/root.pem; chown ada /home/ada/root.pem
ada env BOREALIS_ENROLLMENT_CODE="$code" ./borealis-agent service install --user --engine https://localhost:5000 --engine-ca /home/ada/root.pem || bad 'install --user'
ada ./borealis-agent service status --user || bad 'status --user'
ada ./borealis-agent service uninstall --user || bad 'uninstall --user'
ada find /home/ada -newer /tmp/after -type f; ada find /home/ada -type d
