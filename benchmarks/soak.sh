#!/usr/bin/env bash
# A service at full load, with ever-new attackers: memory over time, then `kill -9` and how long it takes
# until it reads again. Writes results/<date>-<host kind>/soak.md and soak.csv.
#   soak.sh
#
# SECONDS_LONG=1800  how long           LIFE=120s  how long one event keeps its bucket
# MEMORY=512MiB      `memory:` of it    RATE=0     lines per second; 0 for all that it takes
# SPILLWAY=FILE      the binary to run  [target/release/spillway]
# RESULTS=DIR        another place for the results
set -euo pipefail
here=$(dirname "$(realpath "$0")")
root=$(dirname "$here")
[[ ${1:-} == -h || ${1:-} == --help ]] && { sed -n '2,9s/^# \?//p' "$0"; exit 0; }

spillway=${SPILLWAY:-${CARGO_TARGET_DIR:-$root/target}/release/spillway}
long=${SECONDS_LONG:-1800} life=${LIFE:-120s} memory=${MEMORY:-512MiB} rate=${RATE:-0}
host=$(nproc)x-$(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -1 |
    tr 'A-Z' 'a-z' | sed 's/(r)\|(tm)\|@.*\|[0-9]*-core\|processor\|cpu//g; s/[^a-z0-9]\+/-/g; s/^-\|-$//g')
results=${RESULTS:-$here/results/$(date -u +%F)-$host}
work=$(mktemp -d "${TMPDIR:-/tmp}/soak.XXXXXX")
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir -p "$results" "$work/rules/scenarios/soak"

# The embedded parsers, and one scenario that keeps a bucket for every address.
cp -r "$root/pipeline/content/parsers" "$work/rules/"
cat >"$work/rules/scenarios/soak/crowd.yaml" <<RULE
type: leaky
name: soak/crowd
description: every address that fails
filter: evt.Meta.log_type == 'ssh_failed-auth'
groupby: evt.Meta.source_ip
leakspeed: $life
capacity: 5
RULE
cat >"$work/spillway.yaml" <<CONFIG
data: $work/data
rules: {directories: [$work/rules]}
memory: $memory
start: beginning
sources:
- {source: stdin, labels: {type: syslog}}
api: {listen: "127.0.0.1:18290"}
metrics: {listen: "127.0.0.1:18291"}
CONFIG

# Every line another address, at the time of now.
attack() {
    awk -v rate="$rate" 'BEGIN {
        for (i = 0; ; i++) {
            if (i % 256 == 0) {
                now = systime()
                if (rate) while (i > rate * (now - begun + 1) && begun) { system("sleep 0.05"); now = systime() }
                if (!begun) begun = now
                stamp = strftime("%b %e %H:%M:%S", now)
            }
            printf "%s host sshd[12]: Failed password for root from %d.%d.%d.%d port 22 ssh2\n",
                stamp, 11 + int(i / 16777216), int(i / 65536) % 256, int(i / 256) % 256, i % 256
        }
    }'
}

metric() { curl -sf "http://127.0.0.1:18291/metrics" | awk -v name="$1" '$1 ~ "^" name "([{]|$)" { sum += $2 } END { printf "%d", sum }'; }
ready() { curl -sf -o /dev/null "http://127.0.0.1:18291/readyz"; }

mkfifo "$work/pipe"
attack >"$work/pipe" &
pids+=($!)
TZ=UTC "$spillway" run -c "$work/spillway.yaml" <"$work/pipe" >"$work/found" 2>"$work/log" &
service=$!
pids+=("$service")
until ready; do kill -0 "$service" || { cat "$work/log" >&2; exit 1; }; sleep 0.1; done

echo "seconds,lines,buckets_in_memory,resident_kib,peak_kib,store_kib" | tee "$results/soak.csv"
begun=$SECONDS
while ((SECONDS - begun < long)); do
    sleep $((long / 60 > 5 ? long / 60 : 5))
    echo "$((SECONDS - begun)),$(metric cs_parser_hits_total),$(metric spillway_buckets),$(
        awk '/^VmRSS/ { r = $2 } /^VmHWM/ { p = $2 } END { print r "," p }' "/proc/$service/status"),$(
        du -sk "$work/data" | cut -f1)" | tee -a "$results/soak.csv"
done
processor=$(awk '{ print ($14 + $15) / 100 }' "/proc/$service/stat")
kill -9 "$service" "${pids[0]}"
wait "$service" "${pids[0]}" 2>/dev/null || true

# Again, with whatever was live.
sleep infinity >"$work/pipe" &
pids=($!)
start=$(date +%s%N)
TZ=UTC "$spillway" run -c "$work/spillway.yaml" <"$work/pipe" >>"$work/found" 2>>"$work/log" &
pids+=($!)
until ready; do sleep 0.01; done
again=$((($(date +%s%N) - start) / 1000000))

{
    echo "# Soak, $(date -u +%F), $host"
    echo
    awk -F, -v memory="$memory" -v processor="$processor" -v again="$again" 'NR > 1 { n++; lines = $2; live[n] = $3; rss[n] = $4; peak = $5; at[n] = $1 }
    END {
        half = int(n / 2) + 1
        printf "%d s, %d lines (%d a second, %d per CPU-second), memory: %s, every line from another address.\n\n",
            at[n], lines, lines / at[n], lines / processor, memory
        printf "* Buckets in memory: %d at half of the time, %d at the end.\n", live[half], live[n]
        printf "* Resident: %d MiB at half of the time, %d MiB at the end; peak %d MiB.\n", rss[half] / 1024, rss[n] / 1024, peak / 1024
        printf "* After `kill -9` it reads again within %d ms.\n", again
    }' "$results/soak.csv"
} | tee "$results/soak.md"
