# From CrowdSec's own server to ours: its database is imported, and its clients go on as they are.

takeover() {
    local name="import from crowdsec 1.7.8" old=$work/old new=$work/new
    [[ -x $crowdsec/crowdsec ]] || { skip "$name" "SPILLWAY_CROWDSEC does not say where it is"; return; }
    crowdsec_home "$old" 18196 http://127.0.0.1:18196
    { "$old/cli" machines add agent -p agentpassword --force -f "$old/credentials.yaml" && old_history "$old"; } \
        >"$old/cli.log" 2>&1 || { fail "$name: CrowdSec's own server" "$(tail -3 "$old/cli.log")"; return; }
    "$spillway" import crowdsec --db "$old/crowdsec.db" --data "$new/data" >"$old/imported" 2>&1 &&
        spillway_start "$new" 18198 || { fail "$name" "$(tail -n 3 "$old/imported" "$new/log")"; return; }
    sed -i 's/18196/18198/' "$old/credentials.yaml"
    as_before "$old" http://127.0.0.1:18198 >"$old/said" 2>&1 && ok "$name: keys, passwords, decisions, alerts, allowlists" ||
        fail "$name" "$(tail -3 "$old/said")"
}

# What a server has when it is left, with a ban by its agent.
old_history() {
    local folder=$1 server
    crowdsec_start "$folder" && server=${pids[-1]} || return
    "$folder/cli" bouncers add firewall -k key-firewall &&
        "$folder/cli" decisions add -i 198.51.100.40 -d 3h -R 'by hand' &&
        "$folder/cli" decisions add -r 198.51.100.64/28 -d 2h -t captcha &&
        "$folder/cli" allowlists create office -d 'the office' &&
        "$folder/cli" allowlists add office 192.0.2.0/28 -d lan || return
    attack "$folder" 203.0.113.40
    until_true 20 has_ban http://127.0.0.1:18196 203.0.113.40 || return
    kill "$server" && wait "$server"
}

# has_ban URL ADDRESS: the firewall's key is taken, and it is told of the ban.
has_ban() {
    curl -sf -H 'X-Api-Key: key-firewall' "$1/v1/decisions?ip=$2" | grep -q '"type":"ban"'
}

# Bouncer and machine by what they had, and what they are told. `home` is where `says` finds cscli.
as_before() {
    local home=$1
    has_ban "$2" 198.51.100.40 && has_ban "$2" 203.0.113.40 &&
        says 'successfully interact' lapi status &&
        says '198.51.100.64/28' decisions list -t captcha -o raw &&
        says 'spillway/ssh-bruteforce' alerts list -i 203.0.113.40 -o raw &&
        says '192.0.2.0/28' allowlists inspect office &&
        # Its password, hashed anew at that login, is taken again.
        says 'successfully interact' lapi status
}
