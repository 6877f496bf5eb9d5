#!/usr/bin/env bash
# Real clients against `spillway run`. Each goes the whole way: log lines of an attack, the alert, the
# decision, the client acts; the decision is deleted, the client takes it back. What is not installed here
# is skipped, and said so.
#
#   SPILLWAY=FILE            the binary                         [target/release/spillway]
#   SPILLWAY_CROWDSEC=DIR    CrowdSec 1.7.8's binaries          (integration/reference/build.sh prints it)
#   UPDATE_EXPECT=1          records anew what CrowdSec's own server makes the custom bouncer do
set -uo pipefail
here=$(dirname "$(realpath "$0")")
root=$(realpath "$here/../..")
spillway=$(realpath "${SPILLWAY:-${CARGO_TARGET_DIR:-$root/target}/release/spillway}")
crowdsec=${SPILLWAY_CROWDSEC:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/clients.XXXXXX")
source "$here/../verdict.sh"
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$work"' EXIT

# debian_program NAME: prints where it is installed, or unpacks Debian's package of that name.
debian_program() {
    command -v "$1" && return
    command -v apt-get >/dev/null && mkdir "$work/$1.deb" || return
    (cd "$work/$1.deb" && { apt-get download "$1" || { [[ ${CI:-} ]] && apt-get update && apt-get download "$1"; }; } &&
        dpkg-deb -x "$1"_*.deb .) >"$work/$1.deb.log" 2>&1 && echo "$work/$1.deb/usr/bin/$1"
}

for part in servers custom_bouncer libraries caddy firewall crowdsec cscli takeover tls; do
    # shellcheck source=/dev/null
    source "$here/$part.sh"
done

[[ -x $spillway ]] || { echo "$spillway is not built" >&2; exit 2; }
plain=$work/plain
spillway_start "$plain" 18180 || { cat "$plain/log" >&2; exit 2; }
"$plain/cli" machines add agent -p agentpassword -f "$plain/agent.yaml" 2>"$plain/cli.log" || exit 2
for client in custom python node golive gostream caddylive caddystream; do
    "$plain/cli" bouncers add "$client" -k "key-$client" >/dev/null || exit 2
done

custom_bouncer_is_found
custom_bouncer
python_client
node_client
go_client
caddy
firewall_bouncer
cscli_client
cscli_beside
agent "crowdsec 1.7.8 agent" "$plain"
takeover
over_tls
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
