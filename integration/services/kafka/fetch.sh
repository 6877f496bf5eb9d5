#!/usr/bin/env bash
# Fetches a Kafka broker's jars once and prints the directory they are in:
#   fetch.sh
# They stand outside the checkout, under SPILLWAY_CACHE [~/.cache/spillway]. Needs Maven and a network
# the first time only.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${SPILLWAY_CACHE:-${HOME:-/root}/.cache/spillway}
jars=$cache/kafka-$(sha256sum <"$here/pom.xml" | cut -c1-12)

mkdir -p "$cache"
exec 9>"$jars.lock"
flock 9
if [ ! -d "$jars" ]; then
    command -v mvn >/dev/null || { echo "mvn is not installed" >&2; exit 1; }
    rm -rf "$jars.part"
    mvn -q -B -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
        -DoutputDirectory="$jars.part" >&2
    mv "$jars.part" "$jars"
fi
echo "$jars"
