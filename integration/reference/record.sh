#!/usr/bin/env bash
# Records what the reference engine answers to seeded logs: integration/recorded/<case>.json each.
#   record.sh CORPUS [CASE]…         CORPUS as in engine.sh; without CASE all of cases.tsv
# Every case is replayed twice with -order-event: overflows of both replays are `agreed`, those of one
# alone are `in_question`, with the replay that had them. Two equal overflows stand there twice.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
source "$here/engine.sh"
[[ $# -ge 1 ]] || { sed -n '2,5s/^# \?//p' "$0"; exit 2; }
corpus=$1
shift
engine_binaries=$("$here/build.sh")
cargo build -q --release -p spillway-benchmarks --bin generate
generate=${CARGO_TARGET_DIR:-$here/../../target}/release/generate
scratch=$(mktemp -d "${TMPDIR:-/tmp}/record.XXXXXX")
trap 'engine_stop "$scratch/home"; rm -rf "$scratch"' EXIT

record() {
    local name=$1 arguments=$2 type=$3 items=$4 run
    # Words on purpose: arguments and items are lists.
    # shellcheck disable=SC2086
    "$generate" $arguments >"$scratch/log"
    # shellcheck disable=SC2086
    engine_home "$scratch/home" "$corpus" $items
    engine_start "$scratch/home"
    for run in 1 2; do
        engine_replay "$scratch/home" "$scratch/log" "$type" -order-event
        engine_overflows "$scratch/home" >"$scratch/$run"
        engine_forget "$scratch/home"
    done
    engine_stop "$scratch/home"
    export LC_ALL=C
    comm -12 "$scratch/1" "$scratch/2" >"$scratch/agreed"
    { comm -23 "$scratch/1" "$scratch/2" | jq -c '{replay: 1} + .'
      comm -13 "$scratch/1" "$scratch/2" | jq -c '{replay: 2} + .'; } >"$scratch/in_question"
    jq -n --arg engine "CrowdSec 1.7.8, re2, -order-event" --arg arguments "$arguments" --arg type "$type" \
        --arg items "$items" --arg now "$(date -u +%Y)-12-31T00:00:00Z" --arg sum "$(cksum <"$scratch/log" | cut -d' ' -f1)" \
        '{engine: $engine, generator: ($arguments | split(" ")), log_cksum: ($sum | tonumber), type: $type,
          now: $now, items: ($items | split(" "))}' >"$scratch/head"
    # One overflow a line, so that a changed answer is a changed line.
    { sed '$d' "$scratch/head" | sed '$s/$/,/'
      echo '  "agreed": ['; sed '$!s/$/,/; s/^/    /' "$scratch/agreed"; echo '  ],'
      echo '  "in_question": ['; sed '$!s/$/,/; s/^/    /' "$scratch/in_question"; echo '  ]'; echo '}'
    } >"$here/../recorded/$name.json"
    jq -e . "$here/../recorded/$name.json" >/dev/null
    echo "$name: $(wc -l <"$scratch/agreed") agreed, $(wc -l <"$scratch/in_question") in question"
}

while IFS=$'\t' read -r name arguments type items; do
    [[ -z $name || $name == \#* ]] && continue
    [[ $# -eq 0 || " $* " == *" $name "* ]] || continue
    record "$name" "$arguments" "$type" "$items" </dev/null
done <"$here/cases.tsv"
