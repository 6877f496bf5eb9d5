#!/usr/bin/env bash
# Real clients against `spillway run`: each sees a ban that an agent's alert led to, acts on it, and
# takes it back when the decision is deleted. What is not installed here is skipped, and said so.
#
#   SPILLWAY=FILE            the binary                         [target/release/spillway]
#   SPILLWAY_CROWDSEC=DIR    CrowdSec 1.7.8's binaries          (integration/reference/build.sh prints it)
#   SPILLWAY_CONFORMANCE=DIR hub content for CrowdSec's agent   [../shared/conformance beside the checkout]
set -uo pipefail
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
spillway=${SPILLWAY:-${CARGO_TARGET_DIR:-$root/target}/release/spillway}
corpus=${SPILLWAY_CONFORMANCE:-$root/../shared/conformance}
work=$(mktemp -d "${TMPDIR:-/tmp}/clients.XXXXXX")
url=http://127.0.0.1:18180
passed=0 failed=0 skipped=0
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$work"' EXIT

ok() { echo "ok       $1"; passed=$((passed + 1)); }
fail() { echo "FAILED   $1${2:+: $2}"; failed=$((failed + 1)); }
skip() { echo "skipped  $1: $2" >&2; skipped=$((skipped + 1)); }

# until SECONDS COMMAND…: polls until the command succeeds.
until_true() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

start() {
    [[ -x $spillway ]] || { echo "$spillway is not built" >&2; exit 2; }
    "$spillway" run --role serve --data "$work/data" --listen "${url#http://}" --socket "$work/api.sock" \
        2>"$work/spillway.log" &
    pids+=($!)
    until_true 20 curl -sf "$url/health" || { cat "$work/spillway.log" >&2; exit 2; }
    admin machines '{"machine_id":"agent","password":"agentpassword"}'
    for client in custom python node golive gostream; do
        admin bouncers "{\"name\":\"$client\",\"key\":\"key-$client\"}"
    done
    token=$(curl -sf -A crowdsec/v1.7.8-linux -d '{"machine_id":"agent","password":"agentpassword"}' \
        "$url/v1/watchers/login" | sed 's/.*"token":"\([^"]*\)".*/\1/')
}

admin() {
    curl -sf --unix-socket "$work/api.sock" -o /dev/null -d "$2" "http://spillway/v1/admin/$1"
}

# An alert as an agent posts it: the profiles ban its source.
attack() {
    local now
    now=$(date -u +%FT%TZ)
    curl -sf -o /dev/null -H "Authorization: Bearer $token" "$url/v1/alerts" -d '[{"capacity":5,
        "decisions":null,"events":[],"events_count":6,"kind":"crowdsec","labels":null,"leakspeed":"10s",
        "message":"'"$1"' attacks","remediation":true,"scenario":"crowdsecurity/ssh-bf","scenario_hash":"",
        "scenario_version":"","simulated":false,"source":{"ip":"'"$1"'","scope":"Ip","value":"'"$1"'"},
        "start_at":"'"$now"'","stop_at":"'"$now"'"}]'
}

pardon() {
    curl -sf -o /dev/null -X DELETE -H "Authorization: Bearer $token" "$url/v1/decisions?ip=$1"
}

# Debian's crowdsec-custom-bouncer 0.0.15.
custom_bouncer() {
    local name="crowdsec-custom-bouncer" binary
    binary=$(command -v crowdsec-custom-bouncer) || {
        (cd "$work" && apt-get download crowdsec-custom-bouncer >/dev/null 2>&1 &&
            dpkg-deb -x crowdsec-custom-bouncer_*.deb custom) || { skip "$name" "not installed, nor to be had by apt-get"; return; }
        binary=$work/custom/usr/bin/crowdsec-custom-bouncer
    }
    printf '#!/bin/sh\necho "$@" >>%s/custom.calls\n' "$work" >"$work/custom.sh"
    chmod +x "$work/custom.sh"
    cat >"$work/custom.yaml" <<YAML
bin_path: $work/custom.sh
piddir: $work
update_frequency: 1s
cache_retention_duration: 10s
daemonize: false
log_mode: stdout
log_dir: $work
log_level: info
api_url: $url/
api_key: key-custom
YAML
    "$binary" -c "$work/custom.yaml" >"$work/custom.log" 2>&1 &
    pids+=($!)
    attack 203.0.113.20
    until_true 15 grep -qE '^add 203\.0\.113\.20 14(400|39[0-9]) crowdsecurity/ssh-bf \{"duration":"(4h0m0s|3h59m5[0-9]s)","id":[0-9]+,"origin":"crowdsec","scenario":"crowdsecurity/ssh-bf","scope":"Ip","type":"ban","value":"203.0.113.20"\}$' "$work/custom.calls" ||
        { fail "$name" "no add: $(cat "$work/custom.calls" "$work/custom.log" 2>/dev/null | tail -3)"; return; }
    pardon 203.0.113.20
    until_true 15 grep -qE '^del 203\.0\.113\.20 (0|-[0-9]) crowdsecurity/ssh-bf \{' "$work/custom.calls" ||
        { fail "$name" "no del"; return; }
    ok "$name: add and del"
}

# PyPI's pycrowdsec 0.0.5.
python_client() {
    local name="pycrowdsec 0.0.5"
    python3 -m venv "$work/venv" >/dev/null 2>&1 && "$work/venv/bin/pip" install -q pycrowdsec==0.0.5 >/dev/null 2>&1 ||
        { skip "$name" "no Python with pip, or no package index"; return; }
    attack 203.0.113.21
    "$work/venv/bin/python" "$here/stream.py" "$url/" key-python 203.0.113.21 >"$work/python.log" 2>&1 &
    local pid=$!
    pids+=("$pid")
    until_true 20 grep -q '^banned' "$work/python.log" || { fail "$name" "$(tail -3 "$work/python.log")"; return; }
    pardon 203.0.113.21
    until_true 20 grep -q '^free' "$work/python.log" || { fail "$name" "$(tail -3 "$work/python.log")"; return; }
    ok "$name: stream"
}

# npm's @crowdsec/nodejs-bouncer 0.2.0.
node_client() {
    local name="@crowdsec/nodejs-bouncer 0.2.0"
    command -v npm >/dev/null || { skip "$name" "no npm"; return; }
    mkdir -p "$work/node" && (cd "$work/node" && npm init -y >/dev/null 2>&1 &&
        npm install --silent @crowdsec/nodejs-bouncer@0.2.0 >"$work/npm.log" 2>&1) ||
        { skip "$name" "no package of npm: $(tail -1 "$work/npm.log" 2>/dev/null)"; return; }
    cp "$here/live.mjs" "$work/node/"
    attack 203.0.113.22
    (cd "$work/node" && timeout 60 node live.mjs "$url" key-node 203.0.113.22 203.0.113.99) >"$work/node.log" 2>&1 &&
        ok "$name: live" || fail "$name" "$(tail -3 "$work/node.log")"
}

# github.com/crowdsecurity/go-cs-bouncer v0.0.19: live, stream, usage metrics.
go_client() {
    local name="go-cs-bouncer v0.0.19"
    command -v go >/dev/null || { skip "$name" "no Go"; return; }
    cp -r "$here/go" "$work/go" && (cd "$work/go" && export GOFLAGS=-mod=mod GONOSUMDB='*' && go mod tidy >"$work/go.log" 2>&1 && go build -o client . >>"$work/go.log" 2>&1) ||
        { skip "$name" "its modules are not to be had: $(tail -1 "$work/go.log")"; return; }
    attack 203.0.113.23
    timeout 60 "$work/go/client" live "$url/" key-golive 203.0.113.23 >"$work/go.log" 2>&1 &&
        ok "$name: live" || fail "$name: live" "$(tail -3 "$work/go.log")"
    "$work/go/client" stream "$url/" key-gostream 203.0.113.23 >"$work/go.log" 2>&1 &
    pids+=($!)
    until_true 20 grep -q '^new 203.0.113.23' "$work/go.log" || { fail "$name: stream" "$(tail -3 "$work/go.log")"; return; }
    pardon 203.0.113.23
    until_true 20 grep -q '^deleted 203.0.113.23' "$work/go.log" || { fail "$name: stream" "$(tail -3 "$work/go.log")"; return; }
    until_true 20 grep -q '^metrics sent' "$work/go.log" && ok "$name: stream and metrics" ||
        fail "$name: metrics" "$(tail -3 "$work/go.log")"
}

# cscli 1.7.8, as people use it.
cscli_client() {
    local name="cscli 1.7.8" binaries=${SPILLWAY_CROWDSEC:-} home=$work/cscli
    [[ -x $binaries/cscli ]] || { skip "$name" "SPILLWAY_CROWDSEC does not say where it is"; return; }
    crowdsec_home "$home" "$binaries"
    local cscli=("$binaries/cscli" -c "$home/config.yaml")
    "${cscli[@]}" lapi status >"$work/cscli.log" 2>&1 &&
        "${cscli[@]}" decisions add -i 203.0.113.24 -d 5m -R 'by hand' >>"$work/cscli.log" 2>&1 &&
        "${cscli[@]}" decisions list -o raw 2>>"$work/cscli.log" | grep -q 'cscli,Ip:203.0.113.24,by hand,ban' &&
        "${cscli[@]}" alerts list -o json 2>>"$work/cscli.log" | grep -q '"scenario": "by hand"' &&
        "${cscli[@]}" decisions delete -i 203.0.113.24 2>&1 | grep -q '1 decision(s) deleted' &&
        ! "${cscli[@]}" decisions list -o raw 2>>"$work/cscli.log" | grep -q '203.0.113.24,by hand' &&
        printf '198.51.100.1\n198.51.100.0/28\n' >"$work/values" &&
        "${cscli[@]}" decisions import -i "$work/values" --format values 2>&1 | grep -q 'Imported 2 decisions' &&
        ok "$name: add, list, delete, import" || fail "$name" "$(tail -3 "$work/cscli.log")"
}

crowdsec_home() {
    local home=$1 binaries=$2
    mkdir -p "$home"/{hub,data,notifications,plugins,patterns}
    echo '{}' >"$home/hub/.index.json"
    cp "$binaries/config/"{profiles,simulation,console}.yaml "$home/"
    cat >"$home/config.yaml" <<YAML
common: {log_media: stdout, log_level: info}
config_paths: {config_dir: $home, data_dir: $home/data, simulation_path: $home/simulation.yaml, hub_dir: $home/hub, index_path: $home/hub/.index.json, notification_dir: $home/notifications, plugin_dir: $home/plugins, pattern_dir: $home/patterns}
crowdsec_service: {enable: false}
db_config: {type: sqlite, db_path: $home/data/crowdsec.db}
api:
  client: {credentials_path: $home/credentials.yaml}
  server: {enable: false, listen_uri: "127.0.0.1:18182", profiles_path: $home/profiles.yaml}
YAML
    printf 'url: %s\nlogin: agent\npassword: agentpassword\n' "$url" >"$home/credentials.yaml"
}

# CrowdSec 1.7.8's agent: log lines, its alert, our decision, a bouncer's answer.
agent() {
    local name="crowdsec 1.7.8 agent" binaries=${SPILLWAY_CROWDSEC:-} home=$work/engine
    [[ -x $binaries/crowdsec && -d $corpus/hub ]] || { skip "$name" "SPILLWAY_CROWDSEC or the hub is missing"; return; }
    # shellcheck disable=SC2034
    engine_binaries=$binaries
    source "$root/integration/reference/engine.sh"
    engine_home "$home" "$corpus" crowdsecurity/syslog-logs crowdsecurity/dateparse-enrich crowdsecurity/sshd-logs crowdsecurity/ssh-bf
    : >"$home/etc/acquis.yaml" && echo '{}' >"$home/etc/context.yaml"
    printf 'url: %s\nlogin: agent\npassword: agentpassword\n' "$url" >"$home/etc/local_api_credentials.yaml"
    for n in 1 2 3 4 5 6 7; do
        echo "$(date '+%b %e %H:%M:%S') web1 sshd[7$n]: Failed password for invalid user u$n from 203.0.113.30 port 4000$n ssh2"
    done >"$work/auth.log"
    timeout 60 "$binaries/crowdsec" -c "$home/config.yaml" -dsn "file://$work/auth.log" -type syslog -no-api >"$work/agent.log" 2>&1
    until_true 10 bash -c "curl -sf -H 'X-Api-Key: key-golive' '$url/v1/decisions?ip=203.0.113.30' | grep -q crowdsecurity/ssh-bf" &&
        ok "$name: log line, alert, decision, answer" || fail "$name" "$(tail -3 "$work/agent.log")"
}

start
custom_bouncer
python_client
node_client
go_client
cscli_client
agent
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
