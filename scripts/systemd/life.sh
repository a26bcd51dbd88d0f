#!/usr/bin/env bash
# The life of an installation on a real systemd: jobs, live edits, an upgrade under a job, a boot: scripts/systemd/life.sh
. "$(dirname "$0")/box.sh"

mkdir "$tools/next"
box_program "$tools" agent borealis-agent
box_program "$tools" agent/worker borealis-worker
box_program "$tools" examples/engine borealis-engine
box_program "$tools/next" agent borealis-agent -ldflags '-X main.version=9.9.9'
cp "$tools/borealis-worker" "$tools/next"
box_on
box_check life
box_reboot
box_check boot
