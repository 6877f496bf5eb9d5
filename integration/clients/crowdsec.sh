# CrowdSec 1.7.8's cscli and agent, talking to our API.

cscli_client() {
    local name="cscli 1.7.8" home=$work/cscli url
    [[ -x $crowdsec/cscli ]] || { skip "$name" "SPILLWAY_CROWDSEC does not say where it is"; return; }
    url=$(<"$plain/url")
    crowdsec_home "$home" 18192 "$url"
    printf 'login: agent\npassword: agentpassword\n' >>"$home/credentials.yaml"
    echo 'prometheus: {enabled: true, level: full, listen_addr: 127.0.0.1, listen_port: 18181}' >"$home/config.yaml.local"
    printf '198.51.100.1\n198.51.100.0/28\n' >"$home/values"
    "$plain/cli" allowlists create office -d 'the office' >/dev/null
    "$plain/cli" allowlists add office 192.0.2.0/28 -d lan >/dev/null
    cscli_commands "$home" "$url" && ok "$name: lapi, decisions, alerts, allowlists, metrics" ||
        fail "$name" "$(tail -3 "$home/said")"
}

# says PATTERN ARGUMENT…: cscli with these arguments says that.
says() {
    local pattern=$1
    shift
    "$home/cli" "$@" >"$home/said" 2>&1 || { echo "cscli $*" >>"$home/said"; return 1; }
    grep -qE -- "$pattern" "$home/said" || { echo "cscli $*: not /$pattern/" >>"$home/said"; return 1; }
}

# Each command of cscli that uses the API.
cscli_commands() {
    local home=$1 url=$2 alert
    attack "$plain" 203.0.113.24
    until_true 20 says '"value": "203.0.113.24"' decisions list -o json &&
        says 'successfully interact' lapi status &&
        says 'successfully added' decisions add -i 203.0.113.25 -d 5m -R 'by hand' &&
        says 'cscli,Ip:203.0.113.25,by hand,ban' decisions list -o raw &&
        says '203.0.113.24.*ssh-bruteforce' decisions list -i 203.0.113.24 &&
        says '1 decision\(s\) deleted' decisions delete -i 203.0.113.25 &&
        says 'No active decisions' decisions list -i 203.0.113.25 &&
        says 'Imported 2 decisions' decisions import -i "$home/values" --format values &&
        says '2 decision\(s\) deleted' decisions delete -r 198.51.100.0/28 --contained &&
        says '"scenario": "by hand"' alerts list -o json &&
        says '203.0.113.24' alerts list -s spillway/ssh-bruteforce -i 203.0.113.24 -o raw &&
        alert=$(sed -n '2s/,.*//p' "$home/said") &&
        says 'Scenario *: spillway/ssh-bruteforce|spillway/ssh-bruteforce' alerts inspect -d "$alert" &&
        says '1 alert\(s\) deleted' alerts delete --id "$alert" &&
        says 'No active decisions' decisions list -i 203.0.113.24 &&
        says office allowlists list &&
        says '192.0.2.0/28' allowlists inspect office &&
        says 'is allowlisted by item 192.0.2.0/28|192.0.2.0/28 from office' allowlists check 192.0.2.7 &&
        says 'poured|overflow|Reason|Scenario' metrics show &&
        says 'Successfully registered' lapi register -u "$url" --machine newcomer -f "$home/newcomer.yaml" &&
        "$plain/cli" machines validate newcomer >>"$home/said" 2>&1 &&
        cp "$home/newcomer.yaml" "$home/credentials.yaml" && says 'successfully interact' lapi status
}

# agent NAME FOLDER [YAML]: CrowdSec's agent reads an attack, posts its alert to the server in FOLDER, and
# what that leads to reaches a bouncer. YAML stands for its name and password, and for the bouncer's key.
agent() {
    local name=$1 folder=$2 home=$2/agent
    [[ -x $crowdsec/crowdsec ]] || { skip "$name" "SPILLWAY_CROWDSEC does not say where it is"; return; }
    [[ -x $custom_bouncer_binary ]] || { skip "$name" "no bouncer that acts (crowdsec-custom-bouncer)"; return; }
    crowdsec_home "$home" 18194 "$(<"$folder/url")"
    echo "${3:-$'login: agent\npassword: agentpassword'}" >>"$home/credentials.yaml"
    if [[ ${3:-} ]]; then custom_bouncer_start "$folder" "" "$4"; else custom_bouncer_start "$folder" key-custom; fi
    crowdsec_start "$home" -no-api || { fail "$name" "$(tail -3 "$home/log")"; return; }
    attack "$home" 203.0.113.30
    { called "$folder" '^add 203.0.113.30 [0-9]+ spillway/ssh-bruteforce \{' && pardon "$folder" 203.0.113.30 &&
        called "$folder" '^del 203.0.113.30 '; } >"$home/called" &&
        ok "$name: log line, alert, decision, a bouncer acts" || fail "$name" "$(tail -n 3 "$home/log" "$home/called")"
}
