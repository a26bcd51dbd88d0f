#!/usr/bin/env bash
# Runs the checks of scripts/systemd/ on a real systemd, in a container of its own: scripts/systemd.sh [--if-possible]
# With --if-possible it says so and goes on where no such container can be: not root, not Debian, or it does not boot.
set -euo pipefail
cd "$(dirname "$0")"

trouble() {
  if [ "$(id -u)" != 0 ]; then echo 'not root'; return; fi
  local tool
  for tool in systemd-nspawn mmdebstrap nsenter openssl; do
    command -v "$tool" >/dev/null || { echo "no $tool here"; return; }
  done
  (. systemd/box.sh && box_on && inside true) >/dev/null 2>&1 || echo 'the container does not boot'
}

why=$(trouble)
if [ -n "$why" ]; then
  echo "systemd: NOT RUN: $why"
  [ "${1:-}" = --if-possible ]
  exit
fi
for check in life sessions service; do
  echo "systemd: $check"
  systemd/$check.sh
done
echo 'systemd: everything held'
