#!/usr/bin/env bash
# Builds Grafana Loki 3.7.8 from its Go module into a cache folder and prints the path of the binary.
# Needs go; takes four minutes on two cores the first time, nothing afterwards. SPILLWAY_LOKI=FILE names one that is built.
set -euo pipefail

version=v3.7.8
binary=${SPILLWAY_LOKI:-${SPILLWAY_CACHE:-$HOME/.cache/spillway}/loki-$version/loki}

home=$(dirname "$binary")
mkdir -p "$home"
# One builds, the others wait.
exec 9>"$home/lock" && flock 9
if [[ ! -x $binary ]]; then
    command -v go >/dev/null || { echo "build.sh: go is missing: Loki is skipped" >&2; exit 3; }
    # Its go.mod points into its own folders, which are not in the module: build in a writable copy.
    module=$(go mod download -json "github.com/grafana/loki/v3@$version" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
    rm -rf "$home/source" && cp -r "$module" "$home/source" && chmod -R u+w "$home/source"
    cd "$home/source"
    go mod edit -dropreplace github.com/grafana/loki/pkg/push
    go build -mod=mod -o "$binary.new" ./cmd/loki >&2
    cd "$home" && rm -rf "$home/source" && mv "$binary.new" "$binary"
fi
echo "$binary"
