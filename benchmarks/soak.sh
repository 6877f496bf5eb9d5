#!/usr/bin/env bash
# A service at full load, with ever-new attackers: memory over time, then `kill -9` and how long it takes
# until it reads again. Writes results/<date>-<host kind>/soak.md and soak.csv.
#   soak.sh
#
# SECONDS_LONG=1800  how long           LIFE=240  how many seconds a bucket lives after its last event
# MEMORY=512MiB      `memory:` of it    RATE=0    lines per second; 0 for all that it takes
# SPILLWAY=FILE      the binary to run  [target/release/spillway]
# RESULTS=DIR        another place for the results
set -euo pipefail
here=$(dirname "$(realpath "$0")")
root=$(dirname "$here")
[[ ${1:-} == -h || ${1:-} == --help ]] && { sed -n '2,9s/^# \?//p' "$0"; exit 0; }

spillway=${SPILLWAY:-${CARGO_TARGET_DIR:-$root/target}/release/spillway}
long=${SECONDS_LONG:-1800} life=${LIFE:-240} memory=${MEMORY:-512MiB} rate=${RATE:-0}
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
leakspeed: $((life * 1000 / 6))ms
capacity: 5
RULE
cat >"$work/spillway.yaml" <<CONFIG
data: $work/data
rules: {directories: [$work/rules]}
memory: $memory
start: beginning
sources:
- {source: stdin, labels: {type: syslog}}
api: {listen: "127.0.0.1:18294"}
metrics: {listen: "127.0.0.1:18295"}
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

metric() { curl -sf "http://127.0.0.1:18295/metrics" | awk -v name="$1" '$1 ~ "^" name "([{]|$)" { sum += $2 } END { printf "%d", sum }'; }
ready() { curl -sf -o /dev/null "http://127.0.0.1:18295/readyz"; }

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

# Again, with whatever was live, and at once with the same load.
attack >"$work/pipe" &
pids=($!)
start=$(date +%s%N)
since() { echo $((($(date +%s%N) - start) / 1000000)); }
TZ=UTC "$spillway" run -c "$work/spillway.yaml" <"$work/pipe" >>"$work/found" 2>>"$work/log" &
service=$!
pids+=("$service")
until ready; do sleep 0.01; done
again=$(since)
until (($(metric cs_parser_hits_total) > 0)); do sleep 0.05; done
first=$(since)
until (($(metric cs_parser_hits_total) >= 100000)); do sleep 0.05; done
many=$(since)
until (($(since) > 60000)); do sleep 1; done
later=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$service/status")

{
    echo "# Soak, $(date -u +%F), $host"
    echo
    awk -F, -v memory="$memory" -v processor="$processor" -v life="$life" \
        -v again="$again" -v first="$first" -v many="$many" -v later="$later" '
    NR > 1 { n++; at[n] = $1; lines[n] = $2; warm[n] = $3; rss[n] = $4; peak = $5; store = $6 }
    function within(seconds, k) { for (k = n; k > 1 && at[n] - at[k] < seconds; k--); return lines[n] - (at[n] > seconds ? lines[k] : 0) }
    function most(from, to, k, m) { for (k = int(n * from) + 1; k <= n * to; k++) if (rss[k] > m) m = rss[k]; return m / 1024 }
    END {
        printf "%d s, %d lines (%d a second, %d per CPU-second), memory: %s, every line from another address.\n\n",
            at[n], lines[n], lines[n] / at[n], lines[n] / processor, memory
        printf "* Buckets at the end: %d live (of the last %d s), %d remembered for late lines; %d of them in memory.\n",
            within(life), life, within(life + 600), warm[n]
        printf "* Resident, most in each quarter: %d, %d, %d, %d MiB; peak of all %d MiB. The store on disk: %d MiB.\n",
            most(0, 1 / 4), most(1 / 4, 1 / 2), most(1 / 2, 3 / 4), most(3 / 4, 1), peak / 1024, store / 1024
        printf "* After `kill -9` it is ready within %d ms, has read lines within %d ms and 100000 of them within %d ms; peak of its first minute %d MiB.\n",
            again, first, many, later
    }' "$results/soak.csv"
} | tee "$results/soak.md"
