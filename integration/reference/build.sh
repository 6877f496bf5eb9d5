#!/usr/bin/env bash
# Builds the reference engine, CrowdSec 1.7.8 in its fastest configuration (RE2 through cgo), from its
# Go module into a cache folder, and prints that folder. Needs go, a C++ compiler and libre2-dev;
# takes three minutes the first time, nothing afterwards. SPILLWAY_REFERENCE=DIR names one that is built.
set -euo pipefail

version=v1.7.8
home=${SPILLWAY_REFERENCE:-${SPILLWAY_CACHE:-$HOME/.cache/spillway}/crowdsec-$version}

if [[ ! -x $home/crowdsec || ! -x $home/cscli ]]; then
    for tool in go g++ pkg-config; do
        command -v "$tool" >/dev/null || { echo "build.sh: $tool is missing: the reference engine is skipped" >&2; exit 3; }
    done
    pkg-config --exists re2 || { echo "build.sh: libre2-dev is missing: the reference engine is skipped" >&2; exit 3; }
    module=$(go mod download -json "github.com/crowdsecurity/crowdsec@$version" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
    mkdir -p "$home"
    # Its go.mod has `replace` lines, so `go install` refuses: build in a writable copy.
    rm -rf "$home/source" && cp -r "$module" "$home/source" && chmod -R u+w "$home/source"
    cd "$home/source"
    stamp="-X github.com/crowdsecurity/go-cs-lib/version.Version=$version"
    go build -tags netgo,osusergo,re2_cgo -ldflags "$stamp" -o "$home/crowdsec.new" ./cmd/crowdsec >&2
    go build -tags netgo -ldflags "$stamp" -o "$home/cscli.new" ./cmd/crowdsec-cli >&2
    cp -r config "$home/"
    mv "$home/cscli.new" "$home/cscli" && mv "$home/crowdsec.new" "$home/crowdsec"
fi
echo "$home"
