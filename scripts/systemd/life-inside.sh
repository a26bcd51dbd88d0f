# What life.sh runs in the container before it boots it again.
set -u
. /tools/said.sh
export HOME=/root PATH=$PATH:/usr/sbin:/usr/local/lib/borealis-agent
echo '127.0.0.1 localhost' >/etc/hosts
mkdir /opt/tools; cp -r /tools/. /opt/tools; cd /opt/tools

cat >/etc/systemd/system/engine.service <<'END'
[Service]
ExecStart=/bin/sh -c 'exec /opt/tools/borealis-engine serve --dir /srv/engine --addr 127.0.0.1:5000 --auto-approve --json >/srv/engine.json'
[Install]
WantedBy=multi-user.target
END
mkdir /srv/engine
systemctl enable -q --now engine
until [ -s /srv/engine.json ]; do sleep 0.1; done
BOREALIS_ENROLLMENT_CODE=$(sed 's/.*"code":"\([^"]*\)".*/\1/' /srv/engine.json) ./borealis-agent service install \
  --engine https://localhost:5000 --engine-ca /srv/engine/tls/root.pem 2>/dev/null || bad install
connected() { for _ in $(seq 600); do borealis-agent service status 2>/dev/null | grep -q 'connected  *yes' && return; sleep 0.1; done; return 1; }
holds 'it is connected' connected

echo '== a live edit'
cat >/opt/borealis/Roles/role_Hello.lua <<'END'
ROLE_NAME = "hello"
ROLE_CONTEXTS = { "system" }
local Role = {}
function Role:health_report() return { status = "healthy", detail = "version one" } end
return Role
END
serves() { for _ in $(seq 100); do borealis-agent role list 2>&1 | grep -q "$1" && return; sleep 0.1; done; borealis-agent role list; return 1; }
holds 'a new role serves' serves hello
before=$(borealis-agent role list --json | grep -A8 '"hello"' | grep -m1 '"version"')
sed -i 's/version one/version two/' /opt/borealis/Roles/role_Hello.lua
edited() { for _ in $(seq 100); do [ "$(borealis-agent role list --json | grep -A8 '"hello"' | grep -m1 '"version"')" != "$before" ] && return; sleep 0.1; done; return 1; }
holds 'its edit serves' edited
echo 'this is no Lua' >>/opt/borealis/Roles/role_Hello.lua
holds 'a broken edit is told with its line, and the one before serves' serves 'role_Hello.lua:6'

echo '== an upgrade under a job'
echo 'touch /srv/began; sleep 300; echo survived' >job.sh
./borealis-engine send --dir /srv/engine --script job.sh --wait 60s >/srv/job.txt 2>&1 &
job=$!
for _ in $(seq 100); do [ -e /srv/began ] && break; sleep 0.1; done
next/borealis-agent service install 2>/dev/null || bad upgrade
wait $job
cat /srv/job.txt; echo
holds 'the job is answered' grep -q 'role was ended' /srv/job.txt
holds 'it is gone' sh -c '! pgrep -f "^sleep 300"'
holds 'the new version runs' sh -c 'borealis-agent service status | grep -q 9.9.9'
holds 'the role serves in it' serves hello
holds 'it is connected' connected
