#!/usr/bin/env bash
# The decision API beside CrowdSec's, in one run: requests per CPU-second of the server, memory, time
# of an import. Then ours alone with a million decisions: many clients at once, as open loops
# (benchmarks/src/bin/clients). Ours is the binary of this build; CrowdSec's is asked where
# SPILLWAY_CROWDSEC names the directory of its binaries (integration/reference/build.sh prints it).
# Needs wrk, jq, curl, python3.
#
#   benchmarks/api.sh [DECISIONS]      beside CrowdSec, 100000 by default
#   MOST=N                             alone [1000000]
#   SUBSCRIBERS=N POLLERS=N            how many clients at once [10000, 1000]
#   MINUTE=N                           how long the wave of attackers takes, in seconds [60]
set -euo pipefail
cd "$(dirname "$0")/.."
decisions=${1:-100000}
seconds=${SECONDS_EACH:-5}
most=${MOST:-1000000}
minute=${MINUTE:-60}
release=${CARGO_TARGET_DIR:-target}/release
binary=${SPILLWAY:-$release/spillway}
work=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"' EXIT

# CPU time that a process took so far, in seconds.
cpu() {
    awk -v tick="$(getconf CLK_TCK)" '{print ($14 + $15) / tick}' "/proc/$1/stat"
}

memory() {
    awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$1/status"
}

wait_for() {
    for _ in $(seq 600); do
        curl -sf -o /dev/null "$1" && return
        sleep 0.1
    done
    echo "$1 does not answer" >&2
    return 1
}

body() {
    python3 - "$1" <<'PY'
import json, sys
from datetime import datetime, timezone
count = int(sys.argv[1])
now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
def decision(n):
    value = f"{10 + (n >> 24)}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
    return {"duration": "4h", "origin": "cscli-import", "scenario": "crowdsecurity/ssh-bf",
            "scope": "Ip", "type": "ban", "value": value}
print(json.dumps([{"capacity": 0, "decisions": [decision(n) for n in range(count)], "events": [],
    "events_count": 1, "leakspeed": "", "message": "", "scenario": "import", "scenario_hash": "",
    "scenario_version": "", "simulated": False, "source": {"scope": "", "value": ""},
    "start_at": now, "stop_at": now}]))
PY
}

# name, requests of wrk, server's CPU for them
rate() {
    local name=$1 pid=$2 url=$3 before after requests
    shift 3
    before=$(cpu "$pid")
    wrk -t1 -c"${CONNECTIONS:-8}" -d"${seconds}s" --latency -H 'X-Api-Key: testkey' -H 'User-Agent: bench/v1' \
        "$@" "$url" >"$work/wrk"
    requests=$(awk '/requests in/ {print $1}' "$work/wrk")
    after=$(cpu "$pid")
    awk -v n="$requests" -v a="$before" -v b="$after" -v name="$name" -v s="$seconds" -v p99="$(awk '$1 == "99%" {print $2}' "$work/wrk")" \
        'BEGIN {printf "  %-34s %10.0f a CPU-second %10.0f a second, p99 %s\n", name, n / (b - a), n / s, p99}'
    # wrk counts what was refused as answered.
    ! grep 'Non-2xx' "$work/wrk"
}

measure() {
    local pid=$1 url=$2 token before after begun
    token=$(curl -sf -A crowdsec/v1.7.8-linux -d '{"machine_id":"testm","password":"testpassword"}' \
        "$url/v1/watchers/login" | jq -r .token)
    body "$decisions" >"$work/body"
    echo "  memory before                      $(memory "$pid") MB"
    before=$(cpu "$pid")
    begun=$(date +%s.%N)
    curl -sf -o /dev/null -H "Authorization: Bearer $token" --data-binary "@$work/body" "$url/v1/alerts"
    awk -v a="$begun" -v b="$(date +%s.%N)" -v c="$before" -v d="$(cpu "$pid")" -v n="$decisions" \
        'BEGIN {printf "  import of %d decisions %12.2f s, %.2f CPU-seconds\n", n, b - a, d - c}'
    echo "  memory with them                   $(memory "$pid") MB"
    cat >"$work/live.lua" <<'LUA'
local n = 0
request = function()
    n = (n + 7919) % 100000
    return wrk.format("GET", string.format("/v1/decisions?ip=10.%d.%d.%d", n / 65536 % 256, n / 256 % 256, n % 256))
end
LUA
    curl -sf -o /dev/null -H 'X-Api-Key: testkey' -A bench/v1 "$url/v1/decisions/stream?startup=true"
    rate 'live lookup, a hit' "$pid" "$url" -s "$work/live.lua"
    rate 'live lookup, no hit' "$pid" "$url/v1/decisions?ip=1.1.1.1"
    rate 'stream, nothing new' "$pid" "$url/v1/decisions/stream"
    before=$(cpu "$pid")
    for _ in {1..20}; do
        curl -sf -o "$work/startup" -H 'X-Api-Key: testkey' -A bench/v1 "$url/v1/decisions/stream?startup=true"
    done
    after=$(cpu "$pid")
    awk -v a="$before" -v b="$after" -v size="$(stat -c %s "$work/startup")" \
        'BEGIN {printf "  startup stream of %.1f MB %16.3f CPU-seconds\n", size / 1e6, (b - a) / 20}'
    echo "  memory at the end                  $(memory "$pid") MB"
}

# What only ours has, or CrowdSec's would take too long for.
own() {
    local pid=$1 token
    token=$(curl -sf -A crowdsec/v1.7.8-linux -d '{"machine_id":"testm","password":"testpassword"}' \
        http://127.0.0.1:18090/v1/watchers/login | jq -r .token)
    clients() {
        "$release/clients" --api 127.0.0.1:18090 --token "$token" --key testkey --pid "$pid" "$@"
    }
    echo "Spillway alone, $most decisions, load $(cut -d' ' -f1 /proc/loadavg)"
    clients reach 500 "$work/api.sock" "$binary"
    clients import "$((most - decisions))" 100000 "$decisions"
    curl -sf -o /dev/null -H 'X-Api-Key: testkey' -A bench/v1 'http://127.0.0.1:18090/v1/decisions/stream?startup=true'
    echo "  memory with them, all sent once    $(memory "$pid") MB"
    clients lookups "$most" 5000 20
    [[ ${POLLERS:-1000} == 0 ]] || clients pollers "${POLLERS:-1000}" 3 "$work/api.sock"
    clients subscribers "${SUBSCRIBERS:-10000}"
    clients alerts 2000 20
    clients wave 100000 "$minute" 1000
    echo "  memory at the end                  $(memory "$pid") MB, load $(cut -d' ' -f1 /proc/loadavg)"
}

ulimit -n "$(ulimit -Hn)"
echo "Spillway, $decisions decisions"
"$binary" run --role serve --data "$work/data" --listen 127.0.0.1:18090 --socket "$work/api.sock" 2>"$work/log" &
pids+=($!)
wait_for http://127.0.0.1:18090/health
curl -sf --unix-socket "$work/api.sock" -d '{"machine_id":"testm","password":"testpassword"}' -o /dev/null http://x/v1/admin/machines
curl -sf --unix-socket "$work/api.sock" -d '{"name":"testb","key":"testkey"}' -o /dev/null http://x/v1/admin/bouncers
measure "${pids[0]}" http://127.0.0.1:18090
own "${pids[0]}"

[[ -n ${SPILLWAY_CROWDSEC:-} ]] || { echo "CrowdSec is left out: SPILLWAY_CROWDSEC does not say where it is"; exit 0; }
home=$work/crowdsec
mkdir -p "$home"/{hub,data,notifications,plugins,patterns}
echo '{}' >"$home/hub/.index.json"
cp "$SPILLWAY_CROWDSEC/config/"{profiles,simulation,console}.yaml "$home/"
cat >"$home/config.yaml" <<YAML
common: {log_media: stdout, log_level: error}
config_paths: {config_dir: $home, data_dir: $home/data, simulation_path: $home/simulation.yaml, hub_dir: $home/hub, index_path: $home/hub/.index.json, notification_dir: $home/notifications, plugin_dir: $home/plugins, pattern_dir: $home/patterns}
crowdsec_service: {enable: false}
db_config: {type: sqlite, db_path: $home/data/crowdsec.db, use_wal: true}
api:
  client: {credentials_path: $home/credentials.yaml}
  server: {enable: true, listen_uri: "127.0.0.1:18091", profiles_path: $home/profiles.yaml, console_path: $home/console.yaml}
prometheus: {enabled: false}
YAML
echo 'url: http://127.0.0.1:18091' >"$home/credentials.yaml"
"$SPILLWAY_CROWDSEC/cscli" -c "$home/config.yaml" machines add testm -p testpassword --force -f "$home/credentials.yaml" 2>/dev/null
"$SPILLWAY_CROWDSEC/cscli" -c "$home/config.yaml" bouncers add testb -k testkey >/dev/null 2>&1
echo "CrowdSec 1.7.8, SQLite, $decisions decisions"
"$SPILLWAY_CROWDSEC/crowdsec" -c "$home/config.yaml" -no-cs >/dev/null 2>&1 &
pids+=($!)
wait_for http://127.0.0.1:18091/health
measure "${pids[1]}" http://127.0.0.1:18091
