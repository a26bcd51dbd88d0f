# What life.sh runs in the container after it has booted again.
set -u
. /tools/said.sh
export HOME=/root PATH=$PATH:/usr/sbin:/usr/local/lib/borealis-agent
cd /opt/tools
connected() { for _ in $(seq 600); do borealis-agent service status 2>/dev/null | grep -q 'connected  *yes' && return; sleep 0.1; done; return 1; }

echo '== after a boot'
holds 'it started by itself and is connected' connected
systemd-analyze blame --no-pager | grep borealis-agent || true
echo 'echo "up since $(stat -c %Y /proc/1)"' >job.sh
holds 'it does jobs' ./borealis-engine send --dir /srv/engine --script job.sh --wait 60s
holds 'the role of the time before serves' sh -c 'borealis-agent role list | grep -q hello'
holds 'it is uninstalled' borealis-agent service uninstall
holds 'nothing of it is left' sh -c '[ ! -e /opt/borealis ] && [ ! -e /usr/local/lib/borealis-agent ] && [ ! -e /etc/systemd/system/borealis-agent.service ]'
