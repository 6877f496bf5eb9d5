# What scripts that test say of each step, and how they wait: sourced by clients/run.sh and deploy/run.sh.
# shellcheck shell=bash
passed=0 failed=0 skipped=0
# A file that keeps it, too.
said=${said:-/dev/null}

ok() { echo "ok       $1" | tee -a "$said"; passed=$((passed + 1)); }
fail() { echo "FAILED   $1${2:+: $2}" | tee -a "$said"; failed=$((failed + 1)); }
skip() { echo "skipped  $1: $2" | tee -a "$said"; skipped=$((skipped + 1)); }

# until_true SECONDS COMMAND…: polls until the command succeeds.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}
