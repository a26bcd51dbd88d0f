#!/usr/bin/env bash
# Installs the agent as a service of a real systemd and treats it badly: scripts/systemd/service.sh
# With BOREALIS_LONG=1 it is killed at each of 24 instants of a replacement instead of four, which takes two minutes more.
. "$(dirname "$0")/box.sh"

mkdir "$tools/broken"
box_programs
box_next
cp "$tools/borealis-worker" "$tools/broken"
printf '#!/bin/sh\n[ "$1" = version ] && echo "{\\"version\\":\\"10.0.0\\"}" && exit\nexit 1\n' >"$tools/broken/borealis-agent"
chmod 755 "$tools/broken/borealis-agent"
printf x >>"$tools/next/borealis-worker" # so that each version has its own worker
openssl genpkey -algorithm ed25519 -out "$work/key" 2>/dev/null
openssl pkey -in "$work/key" -pubout -out "$tools/keys.pem"
release() { # NAME FOLDER
  tar -czf "$tools/$1.tar.gz" -C "$2" borealis-agent borealis-worker
  openssl pkeyutl -sign -rawin -inkey "$work/key" -in "$tools/$1.tar.gz" -out "$tools/$1.tar.gz.sig"
}
release this "$tools"
release next "$tools/next"
release broken "$tools/broken"
box_on
box_check service
