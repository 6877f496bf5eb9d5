#!/usr/bin/env bash
# Spillway and the reference engine side by side: whole processes, in turn, on the same seeded logs.
# Counts CPU-seconds (user + system) and peak memory of each, writes results/<date>-<host kind>/.
#   compare.sh [CASE]…       nginx ssh siege nginx-hub ssh-hub workers memory buckets explain; without CASE all of them
#
# CORPUS=DIR      hub/ patterns/ data/ to run with          [../shared/conformance beside the checkout]
# SPILLWAY=FILE   the binary to measure                     [target/release/spillway]
# ROUNDS=3        measurements of each; the median counts
# LINES=400000    lines for Spillway; REFERENCE_LINES=20000 for the reference, the same log's beginning
# MEMORY_LINES=10000000  length of the memory case, live buckets of the buckets case
# RESULTS=DIR     another place for the results             [results/<date>-<host kind>]
#
# Both engines' start is measured on a log of one line and taken off; the raw seconds stand in raw.csv.
# The reference's API server is a process of its own and is not counted. Without go it is skipped.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
root=$(dirname "$here")
source "$root/integration/reference/engine.sh"
[[ ${1:-} == -h || ${1:-} == --help ]] && { sed -n '2,14s/^# \?//p' "$0"; exit 0; }

corpus=$(realpath "${CORPUS:-$root/../shared/conformance}")
target=${CARGO_TARGET_DIR:-$root/target}
spillway=${SPILLWAY:-$target/release/spillway}
rounds=${ROUNDS:-3} lines=${LINES:-400000} reference_lines=${REFERENCE_LINES:-20000}
memory_lines=${MEMORY_LINES:-10000000}
base="crowdsecurity/syslog-logs crowdsecurity/dateparse-enrich"

for tool in jq sqlite3 curl /usr/bin/time; do
    command -v "$tool" >/dev/null || { echo "compare.sh: $tool is missing (Debian: jq sqlite3 curl time)" >&2; exit 2; }
done
cargo build -q --release --workspace --bin generate
[[ -n ${SPILLWAY:-} ]] || cargo build -q --release --workspace --bin spillway
generate=$target/release/generate
engine_binaries=$("$root/integration/reference/build.sh") || engine_binaries=
host=$(nproc)x-$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1 |
    tr 'A-Z' 'a-z' | sed 's/(r)\|(tm)\|@.*\|[0-9]*-core\|processor\|cpu//g; s/[^a-z0-9]\+/-/g; s/^-\|-$//g')
results=${RESULTS:-$here/results/$(date -u +%F)-$host}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/compare.XXXXXX")
trap 'engine_stop "$scratch/home"; rm -rf "$scratch"' EXIT
mkdir -p "$results"
raw=$results/raw.csv
echo "case,engine,workers,round,lines,user_s,system_s,wall_s,peak_kib" >"$raw"

# stopwatch CASE ENGINE WORKERS ROUND LINES COMMAND…
stopwatch() {
    local labels=$1,$2,$3,$4,$5 status=0
    shift 5
    /usr/bin/time -q -o "$scratch/time" -f '%U,%S,%e,%M' "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    if ((status != 0)); then
        echo "compare.sh: $labels ended with status $status:" >&2
        tail -5 "$scratch/err" >&2
        return 1
    fi
    echo "$labels,$(tail -1 "$scratch/time")" | tee -a "$raw" >&2
}

# THE command line of Spillway: sets `command` for `TYPE WORKERS LOG ITEM…`.
spillway_command() {
    local type=$1 workers=$2 log=$3 item
    shift 3
    command=("$spillway" replay --rules "$corpus/hub" --patterns "$corpus/patterns" --data "$corpus/data"
        --type "$type" --workers "$workers" --now 2026-12-31T00:00:00Z -o json)
    for item; do
        [[ $item == all ]] || command+=(--item "$item")
    done
    command+=("$log")
}

# side_by_side CASE KIND TYPE REFERENCE_LINES ITEM…
side_by_side() {
    local name=$1 kind=$2 type=$3 few=$4 round many=$lines
    shift 4
    "$generate" "$kind" --lines "$many" --seed 1 >"$scratch/many"
    head -n "$few" "$scratch/many" >"$scratch/few"
    head -n 1 "$scratch/many" >"$scratch/one"
    if [[ -n $engine_binaries ]]; then
        engine_home "$scratch/home" "$corpus" "$@"
        engine_start "$scratch/home"
    fi
    for ((round = 1; round <= rounds; round++)); do
        if [[ -n $engine_binaries ]]; then
            for log in one few; do
                engine_command "$scratch/home" "$scratch/$log" "$type"
                stopwatch "$name" crowdsec 1 "$round" "$(wc -l <"$scratch/$log")" "${engine_argv[@]}"
                engine_forget "$scratch/home"
            done
        fi
        if [[ -x $spillway ]]; then
            for log in one many; do
                spillway_command "$type" 1 "$scratch/$log" "$@"
                stopwatch "$name" spillway 1 "$round" "$(wc -l <"$scratch/$log")" "${command[@]}"
            done
        fi
    done
    engine_stop "$scratch/home"
}

workers() {
    local round count
    "$generate" nginx --lines $((lines * 2)) --seed 1 >"$scratch/many"
    for ((round = 1; round <= rounds; round++)); do
        for count in 1 2; do
            # shellcheck disable=SC2086
            spillway_command nginx "$count" "$scratch/many" $base crowdsecurity/nginx
            stopwatch workers spillway "$count" "$round" $((lines * 2)) "${command[@]}"
        done
    done
}

memory() {
    local count
    for count in $((memory_lines / 10)) "$memory_lines"; do
        # shellcheck disable=SC2086
        spillway_command syslog 2 - $base crowdsecurity/sshd
        mkfifo "$scratch/pipe"
        "$generate" ssh --lines "$count" --seed 1 >"$scratch/pipe" &
        stopwatch memory spillway 2 1 "$count" "${command[@]}" <"$scratch/pipe"
        rm "$scratch/pipe"
    done
}

# One scenario, one event in each bucket: a line each from ever-new addresses, all in one minute.
buckets() {
    local count
    mkdir -p "$scratch/rules/scenarios/bench"
    cat >"$scratch/rules/scenarios/bench/crowd.yaml" <<'RULE'
type: leaky
name: bench/crowd
description: every address that fails once
filter: evt.Meta.log_type == 'ssh_failed-auth'
groupby: evt.Meta.source_ip
leakspeed: 1h
capacity: 5
RULE
    # shellcheck disable=SC2086
    spillway_command syslog 1 - $base crowdsecurity/sshd-logs bench/crowd
    command+=(--rules "$scratch/rules")
    for count in $((memory_lines / 10)) "$memory_lines"; do
        mkfifo "$scratch/pipe"
        awk -v count="$count" 'BEGIN {
            for (i = 0; i < count; i++)
                printf "Mar  2 06:00:%02d host sshd[12]: Failed password for root from 10.%d.%d.%d port 22 ssh2\n",
                    i * 60 / count, i / 65536, i / 256 % 256, i % 256
        }' >"$scratch/pipe" &
        stopwatch buckets spillway 1 1 "$count" "${command[@]}" <"$scratch/pipe"
        rm "$scratch/pipe"
    done
}

explain() {
    cargo build -q --release --workspace --bin explain
    "$target/release/explain" --rules "$corpus/hub" --patterns "$corpus/patterns" --data "$corpus/data" \
        2>/dev/null >"$results/explain.md"
}

cases=("${@:-nginx ssh siege nginx-hub ssh-hub workers memory buckets explain}")
# shellcheck disable=SC2048,SC2086
for name in ${cases[*]}; do
    case $name in
        # shellcheck disable=SC2086
        nginx) side_by_side nginx nginx nginx "$reference_lines" $base crowdsecurity/nginx ;;
        # shellcheck disable=SC2086
        ssh) side_by_side ssh ssh syslog $((reference_lines * 3)) $base crowdsecurity/sshd ;;
        # shellcheck disable=SC2086
        siege) side_by_side siege siege syslog $((reference_lines * 3)) $base crowdsecurity/sshd ;;
        nginx-hub) side_by_side nginx-hub nginx nginx $((reference_lines / 2)) all ;;
        ssh-hub) side_by_side ssh-hub ssh syslog "$reference_lines" all ;;
        workers | memory | buckets) [[ ! -x $spillway ]] || "$name" ;;
        explain) explain ;;
        *) echo "compare.sh: no case named $name" >&2; exit 2 ;;
    esac
done
awk -v host="$host" -v date="$(date -u +%F)" -f "$here/summary.awk" "$raw" | tee "$results/summary.md"
