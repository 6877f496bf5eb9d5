#!/usr/bin/env bash
# Records what the reference engine answers to seeded logs: integration/recorded/<case>.json each.
#   record.sh CORPUS [CASE]…         CORPUS as in engine.sh; without CASE all of cases.tsv
# Every case is replayed REPLAYS times (4) with -order-event: overflows of all replays are `agreed`, the
# others are `in_question`, each with the number of replays that had it. Equal overflows stand there
# as often as they came.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
source "$here/engine.sh"
[[ $# -ge 1 ]] || { sed -n '2,6s/^# \?//p' "$0"; exit 2; }
corpus=$1
shift
replays=${REPLAYS:-4}
engine_binaries=$("$here/build.sh")
cargo build -q --release --workspace --bin generate
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
    for ((run = 1; run <= replays; run++)); do
        engine_replay "$scratch/home" "$scratch/log" "$type" -order-event
        # Numbered, so that the second of two equal overflows is a line of its own.
        engine_overflows "$scratch/home" | uniq -c | awk '{ n = $1; sub(/^ *[0-9]+ /, ""); for (i = 1; i <= n; i++) print i "\t" $0 }' \
            >"$scratch/replay.$run"
        engine_forget "$scratch/home"
    done
    engine_stop "$scratch/home"
    LC_ALL=C sort "$scratch"/replay.* | uniq -c | sed 's/^ *\([0-9]*\) [0-9]*\t/\1\t/' >"$scratch/counted"
    rm "$scratch"/replay.*
    awk -F '\t' -v all="$replays" '$1 == all { print $2 }' "$scratch/counted" >"$scratch/agreed"
    awk -F '\t' -v all="$replays" '$1 < all { print "{\"replays\":" $1 "," substr($2, 2) }' "$scratch/counted" >"$scratch/in_question"
    jq -n --arg engine "CrowdSec 1.7.8, re2, -order-event" --arg arguments "$arguments" --arg type "$type" \
        --arg items "$items" --argjson replays "$replays" --arg now "$(date -u +%Y)-12-31T00:00:00Z" --arg sum "$(cksum <"$scratch/log" | cut -d' ' -f1)" \
        '{engine: $engine, generator: ($arguments | split(" ")), log_cksum: ($sum | tonumber), type: $type,
          now: $now, items: ($items | split(" ")), replays: $replays}' >"$scratch/head"
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
