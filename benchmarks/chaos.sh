#!/usr/bin/env bash
# Everything that may go wrong, at length: hundreds of `kill -9`, crashes at every crash point, troubles of
# minutes, full disks, damaged stores. Writes results/<date>-<host kind>/chaos.md.
#   chaos.sh
#
# SPILLWAY_KILLS=300   SPILLWAY_ROUNDS=3   SPILLWAY_SEED=<date>   RESULTS=DIR another place for the results
#
# What cannot be had here (Kafka, Loki, faketime, mounts) is left out, and named.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
[[ ${1:-} == -h || ${1:-} == --help ]] && { sed -n '2,8s/^# \?//p' "$0"; exit 0; }

profile=${CHAOS_PROFILE---release}
host=$(nproc)x-$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1 |
    tr 'A-Z' 'a-z' | sed 's/(r)\|(tm)\|@.*\|[0-9]*-core\|processor\|cpu//g; s/[^a-z0-9]\+/-/g; s/^-\|-$//g')
results=${RESULTS:-$here/results/$(date -u +%F)-$host}
export SPILLWAY_KILLS=${SPILLWAY_KILLS:-300} SPILLWAY_ROUNDS=${SPILLWAY_ROUNDS:-3} SPILLWAY_LONG=1
export SPILLWAY_SEED=${SPILLWAY_SEED:-$(date -u +%Y%m%d)}
said=$(mktemp "${TMPDIR:-/tmp}/chaos.XXXXXX")
trap 'rm -f "$said"' EXIT

cargo build $profile --package spillway --features crash-points
begun=$SECONDS status=0
cargo test $profile --package spillway-integration --features pipeline/crash-points --test crash -- --nocapture --test-threads=1 2>&1 | tee "$said" || status=$?
mkdir -p "$results"
{
    echo "# Chaos, $(date -u +%F), $host"
    echo
    echo "$SPILLWAY_KILLS kills, $SPILLWAY_ROUNDS rounds over the crash points, seed $SPILLWAY_SEED, $((SECONDS - begun)) s."
    echo "Each run is compared with one that nobody disturbs, byte for byte."
    echo
    sed -n 's/^test \(.*\) \.\.\..*/* \1/p; s/^\(skipped.*\|.*: skipped,.*\)/* \1/p; s/^test result: \(.*\)/\n\1/p' "$said"
} >"$results/chaos.md"
exit $status
