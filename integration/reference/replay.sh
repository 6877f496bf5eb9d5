#!/usr/bin/env bash
# Replays a log on the reference engine and prints its overflows as sorted JSON lines.
#   replay.sh CORPUS LOG TYPE ITEM…      e.g. replay.sh ../conformance auth.log syslog crowdsecurity/sshd
# Syslog, date parsing and GeoIP items are not implied: name them. REPLAYS=n replays n times and prints
# each under its own header, since the engine's replay varies by itself. DUMP=DIR keeps its parser and
# bucket dumps (no overflow is printed then).
set -euo pipefail
here=$(dirname "$(realpath "$0")")
source "$here/engine.sh"
[[ $# -ge 4 ]] || { sed -n '2,6s/^# \?//p' "$0"; exit 2; }
corpus=$1 log=$2 type=$3
shift 3
engine_binaries=$("$here/build.sh")
home=$(mktemp -d "${TMPDIR:-/tmp}/reference.XXXXXX")
trap 'engine_stop "$home"; [[ -n ${KEEP:-} ]] || rm -rf "$home"' EXIT
engine_home "$home" "$corpus" "$@"
engine_start "$home"
for ((run = 1; run <= ${REPLAYS:-1}; run++)); do
    engine_replay "$home" "$log" "$type" -order-event ${DUMP:+-dump-data "$DUMP"}
    ((${REPLAYS:-1} == 1)) || echo "# replay $run"
    engine_overflows "$home"
    engine_forget "$home"
done
