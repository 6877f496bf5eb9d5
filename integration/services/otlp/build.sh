#!/usr/bin/env bash
# Installs OpenTelemetry's exporter for Python into a cache folder and prints the interpreter that has
# it. Needs python3 with venv and pip. SPILLWAY_OTLP=FILE names an interpreter that has it already.
set -euo pipefail

version=1.38.0
python=${SPILLWAY_OTLP:-${SPILLWAY_CACHE:-$HOME/.cache/spillway}/otlp-$version/bin/python}

home=$(dirname "$(dirname "$python")")
mkdir -p "$(dirname "$home")"
# One installs, the others wait.
exec 9>"$home.lock" && flock 9
if [[ ! -x $python ]]; then
    command -v python3 >/dev/null || { echo "build.sh: python3 is missing: OpenTelemetry is skipped" >&2; exit 3; }
    python3 -m venv "$home.new" >&2 || { echo "build.sh: python3-venv is missing: OpenTelemetry is skipped" >&2; exit 3; }
    "$home.new/bin/pip" install --quiet "opentelemetry-sdk==$version" "opentelemetry-exporter-otlp-proto-http==$version" >&2 \
        || { echo "build.sh: no package index: OpenTelemetry is skipped" >&2; exit 3; }
    rm -rf "$home" && mv "$home.new" "$home"
fi
echo "$python"
