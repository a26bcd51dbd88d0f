#!/usr/bin/env bash
# The life of an installation on a real systemd: jobs, live edits, an upgrade under a job, a boot: scripts/systemd/life.sh
. "$(dirname "$0")/box.sh"

box_programs
box_next
box_on
box_check life
box_reboot
box_check boot
