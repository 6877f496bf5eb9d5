#!/usr/bin/env bash
# What deploy/ holds, on real parts: the container image is built and run, the trial of compose.yaml finds an
# attack, the Debian package is installed under a systemd that boots and removed again. What cannot be had
# here is skipped, and said so.
#   run.sh [image] [trial] [package]     all three if none is named
#
# Uses the Docker daemon that answers; else root starts one of its own for so long (Debian: `docker.io`).
# Where no registry is reachable, images stand on a Debian by `debootstrap`, Kafka comes from its jars,
# Loki from its Go module. Writes benchmarks/results/<date>-<host kind>/deploy.md when all three ran whole.
#
#   SPILLWAY=FILE    the binary                              [target/release/spillway]
#   DEBIAN=IMAGE     a small Debian 12 that the daemon has   [debian:bookworm-slim, or by debootstrap]
#   RESULTS=DIR      another place for the results
set -uo pipefail
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
[[ ${1:-} == -h || ${1:-} == --help ]] && { sed -n '2,14s/^# \?//p' "$0"; exit 0; }
spillway=$(realpath "${SPILLWAY:-${CARGO_TARGET_DIR:-$root/target}/release/spillway}")
host=$(nproc)x-$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1 |
    tr 'A-Z' 'a-z' | sed 's/(r)\|(tm)\|@.*\|[0-9]*-core\|processor\|cpu//g; s/[^a-z0-9]\+/-/g; s/^-\|-$//g')
results=${RESULTS:-$root/benchmarks/results/$(date -u +%F)-$host}
work=$(mktemp -d "${TMPDIR:-/tmp}/deploy.XXXXXX")
name=spillway-test-$$
said=$work/said
source "$here/../verdict.sh"

# must NAME COMMAND…: a step that passes if the command does; else what it said is shown.
must() {
    local step=$1
    shift
    if "$@" >"$work/last" 2>&1; then ok "$step"; else fail "$step" "$(tail -n 20 "$work/last")"; return 1; fi
}

for part in docker image trial package; do
    # shellcheck source=/dev/null
    source "$here/$part.sh"
done
trap 'trial_ends; package_ends; docker_ends; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

[[ -x $spillway ]] || { echo "$spillway is not built" >&2; exit 2; }
strip -o "$work/spillway" "$spillway" || exit 2
parts=("$@")
((${#parts[@]})) || parts=(image trial package)
begun=$SECONDS
for part in "${parts[@]}"; do
    case $part in image | trial | package) "test_$part" ;; *) echo "no part $part: image, trial, package" >&2; exit 2 ;; esac
done
echo "$passed passed, $failed failed, $skipped skipped"
if ((${#parts[@]} == 3 && skipped == 0)); then
    mkdir -p "$results"
    {
        echo "# What deploy/ holds, $(date -u +%F), $host"
        echo
        echo "$("$spillway" --version), commit $(git -C "$root" rev-parse --short HEAD 2>/dev/null || echo unknown)," \
            "$(docker_is), $((SECONDS - begun)) s; by \`make test-deploy\`."
        echo
        sed 's/^/    /' "$said"
        echo
        echo "$passed passed, $failed failed, $skipped skipped."
    } >"$results/deploy.md"
fi
((failed == 0))
