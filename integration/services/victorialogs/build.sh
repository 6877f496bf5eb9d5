#!/usr/bin/env bash
# Builds VictoriaLogs 1.52.1 from its Go module into a cache folder and prints the path of the binary.
# Needs go; takes a minute on two cores the first time, nothing afterwards. SPILLWAY_VICTORIALOGS=FILE names one that is built.
set -euo pipefail

version=v1.52.1
binary=${SPILLWAY_VICTORIALOGS:-${SPILLWAY_CACHE:-$HOME/.cache/spillway}/victorialogs-$version/victoria-logs}

home=$(dirname "$binary")
mkdir -p "$home"
# One builds, the others wait.
exec 9>"$home/lock" && flock 9
if [[ ! -x $binary ]]; then
    command -v go >/dev/null || { echo "build.sh: go is missing: VictoriaLogs is skipped" >&2; exit 3; }
    # A module folder is read-only: build in a writable copy.
    module=$(go mod download -json "github.com/VictoriaMetrics/VictoriaLogs@$version" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
    rm -rf "$home/source" && cp -r "$module" "$home/source" && chmod -R u+w "$home/source"
    cd "$home/source"
    go build -mod=mod -o "$binary.new" ./app/victoria-logs >&2
    cd "$home" && rm -rf "$home/source" && mv "$binary.new" "$binary"
fi
echo "$binary"
