#!/usr/bin/env bash
# Prints the directory of a `go` that is new enough for the clients and services of the tests: the
# installed one, or, by means of an older one, the toolchain that the Go project publishes as a module:
#   fetch.sh
# It stands outside the checkout, under SPILLWAY_CACHE [~/.cache/spillway].
set -euo pipefail

wanted=1.26.1
cache=${SPILLWAY_CACHE:-${HOME:-/root}/.cache/spillway}

command -v go >/dev/null || { echo "go is not installed" >&2; exit 1; }
installed=$(GOTOOLCHAIN=local go env GOVERSION)
if [ "$(printf '%s\n' "go$wanted" "$installed" | sort -V | head -1)" = "go$wanted" ]; then
    dirname "$(command -v go)"
    exit
fi
platform=$(go env GOOS)-$(go env GOARCH)
home=$cache/go$wanted.$platform
mkdir -p "$cache"
exec 9>"$home.lock"
flock 9
if [ ! -x "$home/bin/go" ]; then
    # Outside of any module, so that no go.mod is asked for or changed.
    module=$(cd / && go mod download -json "golang.org/toolchain@v0.0.1-go$wanted.$platform" |
        sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
    [ -d "$module" ] || { echo "go$wanted for $platform is not to be had as a module" >&2; exit 1; }
    # A module keeps no permissions, and holds no go.mod of others.
    rm -rf "$home.part" && cp -r "$module" "$home.part" && chmod -R u+w "$home.part"
    find "$home.part/bin" "$home.part/pkg/tool" -type f -exec chmod +x {} +
    find "$home.part" -name _go.mod -execdir cp _go.mod go.mod \;
    mv "$home.part" "$home"
fi
echo "$home/bin"
