#!/usr/bin/env bash
# Asks CrowdSec 1.7.8 again what it makes of the expressions of operators/tests/expr_reference.rs, and
# writes that down. Lines of files that are given, one expression each, are asked too. Needs what
# build.sh needs.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
recorded=$here/../../operators/tests/fixtures/expr/reference.jsonl
home=$("$here/build.sh")

mkdir -p "$home/source/cmd/expressions"
cp "$here/expressions/main.go" "$home/source/cmd/expressions/"
cat "$recorded" "$@" | (cd "$home/source" && go run ./cmd/expressions) > "$recorded.new"
mv "$recorded.new" "$recorded"
