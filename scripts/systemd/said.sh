# How the checks in the container say what they saw: a line that begins with WRONG fails the check.
ok() { echo "ok: $*"; }
bad() { echo "WRONG: $*"; }
holds() { local what=$1; shift; if "$@"; then ok "$what"; else bad "$what"; fi; }
fails() { local what=$1; shift; if "$@" >/tmp/said 2>&1; then bad "$what"; else ok "$what: $(tail -n 1 /tmp/said)"; fi; }
ms() { echo $((($(date +%s%N) - $1) / 1000000)) ms; }
