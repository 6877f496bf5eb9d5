# Debian's crowdsec-custom-bouncer 0.0.15. What it is made to do has to be, call by call and field by
# field, what CrowdSec 1.7.8's own server makes it do in the same history, from the same log lines.
# `integration/recorded/clients/custom_bouncer.txt` is what that server did; where CrowdSec is at hand it
# is asked again.

# Sets custom_bouncer_binary, where it is installed or to be had.
custom_bouncer_is_found() {
    custom_bouncer_binary=$(debian_program crowdsec-custom-bouncer)
}

# custom_bouncer_start FOLDER KEY [YAML]: notes its calls in FOLDER/calls, its process in bouncer_pid.
custom_bouncer_start() {
    local folder=$1
    printf '#!/bin/sh\necho "$@" >>%s/calls\n' "$folder" >"$folder/call.sh"
    chmod +x "$folder/call.sh"
    cat >"$folder/bouncer.yaml" <<EOT
bin_path: $folder/call.sh
piddir: $folder
update_frequency: 1s
cache_retention_duration: 10s
daemonize: false
log_mode: stdout
log_dir: $folder
log_level: info
api_url: $(<"$folder/url")/
${2:+api_key: $2}
${3:-}
EOT
    "$custom_bouncer_binary" -c "$folder/bouncer.yaml" >"$folder/bouncer.log" 2>&1 &
    bouncer_pid=$!
    pids+=("$bouncer_pid")
}

called() {
    until_true 20 grep -qE "$2" "$1/calls" || { echo "no call like $2; the last are $(tail -n 3 "$1/calls" "$1/bouncer.log" 2>&1)"; return 1; }
}

# What happens at the server in FOLDER, which the bouncer then has told in full.
custom_bouncer_history() {
    local folder=$1
    "$folder/cli" bouncers add custom -k key-custom >/dev/null 2>&1 || return 1
    cat >"$folder/decisions.json" <<'EOT'
[{"duration":"4h","reason":"by hand","scope":"ip","type":"ban","value":"198.51.100.1"},
 {"duration":"4h","scope":"Ip","type":"captcha","value":"198.51.100.2"},
 {"duration":"2h","scope":"range","type":"ban","value":"198.51.100.64/28"},
 {"duration":"4h","scope":"ip","type":"ban","value":"2001:db8::20"},
 {"duration":"4h","scope":"range","type":"ban","value":"2001:db8:1::/48"},
 {"duration":"4h","scope":"username","type":"ban","value":"mallory"},
 {"duration":"1h","scope":"ip","type":"ban","value":"198.51.100.3"},
 {"duration":"3h","scope":"ip","type":"ban","value":"198.51.100.3"},
 {"duration":"4h","scope":"ip","type":"ban","value":"198.51.100.4"},
 {"duration":"4h","scope":"ip","type":"captcha","value":"198.51.100.4"}]
EOT
    {
        custom_bouncer_start "$folder" key-custom && attack "$folder" 203.0.113.20 &&
            called "$folder" '^add 203.0.113.20 ' &&
            "$folder/cli" decisions import -i "$folder/decisions.json" &&
            called "$folder" '^add 198.51.100.4 .*captcha' &&
            "$folder/cli" decisions add -i 198.51.100.1 -d 8h -R longer &&
            "$folder/cli" decisions add -i 198.51.100.1 -d 1h -R shorter &&
            "$folder/cli" decisions add -i 198.51.100.5 -d 5s -R short &&
            called "$folder" '^del 198.51.100.5 ' &&
            pardon "$folder" 203.0.113.20 && called "$folder" '^del 203.0.113.20 ' &&
            "$folder/cli" decisions delete -r 198.51.100.64/28 && called "$folder" '^del 198.51.100.64/28 ' &&
            "$folder/cli" decisions delete -v mallory &&
            "$folder/cli" decisions delete -v 198.51.100.2 && called "$folder" '^del 198.51.100.2 ' &&
            "$folder/cli" decisions delete -i 2001:db8::20 && called "$folder" '^del 2001:db8::20 ' &&
            { kill "$bouncer_pid"; wait "$bouncer_pid"; echo '-- a new start' >>"$folder/calls"; } &&
            custom_bouncer_start "$folder" key-custom && called "$folder" '^add 198.51.100.1 .*longer' &&
            kill "$bouncer_pid"
    } >>"$folder/cli.log" 2>&1
}

# The calls, with durations to the next two minutes: what was imported lasts a multiple of that. CrowdSec tells an end again while it is 2 seconds
# old; the second time says nothing.
custom_bouncer_calls() {
    jq -rR 'def rounded: "\((. / 120 | ceil) * 2 + 0)m";
        def seconds: capture("^(?<sign>-?)((?<h>\\d+)h)?((?<m>\\d+)m)?((?<s>\\d+)s)?$")
            | ((.h // "0" | tonumber) * 3600 + (.m // "0" | tonumber) * 60 + (.s // "0" | tonumber)) * (if .sign == "" then 1 else -1 end);
        (capture("^(?<verb>add|del) (?<value>\\S+) (?<left>-?\\d+) (?<scenario>.*) (?<decision>\\{.*\\})$")
            | "\(.verb) \(.value) \(.left | tonumber | rounded) \(.scenario) \(.decision | fromjson | .duration |= (seconds | rounded) | tojson)") // .' "$1/calls" |
        awk '/^--/ { split("", seen) } /^del/ && seen[$0]++ { next } { print }'
}

custom_bouncer() {
    local name="crowdsec-custom-bouncer" recorded=$root/integration/recorded/clients/custom_bouncer.txt server
    [[ -x $custom_bouncer_binary ]] || { skip "$name" "not installed, nor to be had by apt-get"; return; }
    command -v jq >/dev/null || { skip "$name" "no jq"; return; }
    if [[ -x $crowdsec/crowdsec ]]; then
        crowdsec_home "$work/reference" 18184 http://127.0.0.1:18184
        "$work/reference/cli" machines add own --auto --force -f "$work/reference/credentials.yaml" >"$work/reference/cli.log" 2>&1
        crowdsec_start "$work/reference" && custom_bouncer_history "$work/reference" ||
            { fail "$name: CrowdSec's own server" "$(tail -n 5 "$work/reference/log" "$work/reference/cli.log")"; return; }
        custom_bouncer_calls "$work/reference" >"$work/reference/told"
        [[ -z ${UPDATE_EXPECT:-} ]] || cp "$work/reference/told" "$recorded"
        diff "$recorded" "$work/reference/told" || { fail "$name: CrowdSec's own server" "not as recorded"; return; }
    else
        echo "$name: CrowdSec is not asked (SPILLWAY_CROWDSEC), its recorded calls count" >&2
    fi
    server=$work/custom
    spillway_start "$server" 18186 && custom_bouncer_history "$server" || { fail "$name" "$(tail -n 5 "$server/log" "$server/cli.log")"; return; }
    custom_bouncer_calls "$server" >"$server/told"
    diff "$recorded" "$server/told" && ok "$name: $(wc -l <"$server/told") calls as from CrowdSec" || fail "$name" "not as from CrowdSec"
}
