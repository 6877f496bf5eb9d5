#!/usr/bin/env bash
# Schemathesis reads the OpenAPI document of a running service and asks all of it, well and badly; every
# answer must be one that the document has. Skipped, and said so, where PyPI is not to be had.
#
#   SPILLWAY=FILE    the binary                              [target/release/spillway]
#   EXAMPLES=N       requests for each operation, at most    [50]
set -uo pipefail
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
spillway=${SPILLWAY:-${CARGO_TARGET_DIR:-$root/target}/release/spillway}
cache=${SPILLWAY_CACHE:-${HOME:-/root}/.cache/spillway}/schemathesis
version=4.32.5
url=http://127.0.0.1:18190
work=$(mktemp -d "${TMPDIR:-/tmp}/schemathesis.XXXXXX")
pid=
trap '[[ $pid ]] && kill "$pid" && wait "$pid"; rm -rf "$work"' EXIT

if ! "$cache/bin/schemathesis" --version 2>/dev/null | grep -q "$version"; then
    { python3 -m venv "$cache" && "$cache/bin/pip" install -q "schemathesis==$version"; } >"$work/pip.log" 2>&1 ||
        { echo "skipped  schemathesis $version: $(tail -1 "$work/pip.log")" >&2; exit 0; }
fi
[[ -x $spillway ]] || { echo "$spillway is not built" >&2; exit 2; }

"$spillway" run --role serve --data "$work/data" --listen "${url#http://}" --socket "$work/api.sock" \
    --metrics 127.0.0.1:18191 2>"$work/spillway.log" &
pid=$!
deadline=$((SECONDS + 30))
until curl -sf "$url/health" >/dev/null && [[ -S $work/api.sock ]]; do
    ((SECONDS < deadline)) || { cat "$work/spillway.log" >&2; exit 2; }
    sleep 0.2
done

local_request() { curl -sf --unix-socket "$work/api.sock" -o /dev/null "http://spillway$1" -d "$2"; }
local_request /v1/admin/machines '{"machine_id":"asks","password":"askspassword","admin":true}'
local_request /v1/admin/bouncers '{"name":"asks","key":"askskey"}'
local_request /v1/admin/allowlists '{"name":"office","description":"the office"}'
local_request /v1/admin/allowlists/office/items '{"items":[{"value":"192.0.2.0/24","description":"lan"}]}'
for last in 1 2 3 4 5; do
    local_request /v1/alerts '[{"capacity":0,"decisions":[{"duration":"4h","origin":"cscli",
        "scenario":"by hand","scope":"Ip","type":"ban","value":"198.51.100.'$last'"}],"events":[],
        "events_count":1,"leakspeed":"0","message":"by hand","scenario":"by hand","scenario_hash":"",
        "scenario_version":"","simulated":false,"source":{"scope":"Ip","value":"198.51.100.'$last'"},
        "start_at":"","stop_at":""}]'
done
token=$(curl -sf -A crowdsec/v1.7.8-linux -d '{"machine_id":"asks","password":"askspassword"}' \
    "$url/v1/watchers/login" | sed 's/.*"token":"\([^"]*\)".*/\1/')
[[ $token ]] || { echo "no token" >&2; exit 2; }

cd "$work" || exit 2
SPILLWAY_KEY=askskey SPILLWAY_TOKEN=$token "$cache/bin/schemathesis" --config-file "$here/schemathesis.toml" \
    run "$url/v1/openapi.json" --max-examples "${EXAMPLES:-50}" "$@"
status=$?
# A panic ends one request alone: the log is where it shows.
if grep -n 'panicked' "$work/spillway.log"; then status=1; fi
curl -sf "$url/health" >/dev/null || { echo "the service is gone" >&2; tail -5 "$work/spillway.log" >&2; status=1; }
((status == 0)) && echo "ok       schemathesis $version"
exit "$status"
