# Each command of cscli that uses the API, in its variants, put to CrowdSec's own server and to ours: what
# cscli prints has to be the same, but for times, durations and names made by chance.

# cscli's arguments, a command a line, in this order.
cscli_variants() {
    local format id
    cat <<'EOT'
lapi status
decisions list
alerts list
decisions add -i 1.2.3.4
decisions add -i 1.2.3.4 -d 30m -t captcha -R 'by hand'
decisions add -r 1.2.3.0/24 -d 1d
decisions add -v FR --scope country
decisions add -v bob --scope username
decisions add -v 'Ünï "x" <b>' --scope user
decisions add -i 2001:db8::1
decisions add -i 192.0.2.4
decisions add -r 192.0.0.0/16
decisions add -i 192.0.2.4 -B
decisions add -i 1.2.3.5 -d bad
decisions import -i values --format values
decisions import -i values --format values --batch 1 -d 2h -R imported -t captcha --scope ip
decisions import -i list.csv
decisions import -i list.json
EOT
    for format in human json raw; do
        sed "s/$/ -o $format/" <<'EOT'
decisions list
decisions list -a
decisions list -m
decisions list -i 1.2.3.4
decisions list -r 1.2.3.0/24
decisions list -r 1.2.0.0/16 --contained
decisions list -t captcha
decisions list --scope country
decisions list --origin cscli-import
decisions list -v bob
decisions list -s 'by hand'
decisions list --since 1h --until 0s
decisions list -l 2
decisions list --no-simu
alerts list
alerts list -a -m
alerts list -i 1.2.3.4
alerts list -r 1.2.0.0/16 --contained
alerts list -s 'by hand'
alerts list --type captcha --origin cscli --kind cscli
alerts list --scope Ip -v 1.2.3.4 -l 1
alerts list --since 1h --until 0s
alerts inspect 2
alerts inspect -d 1 2
alerts inspect 99
allowlists list
allowlists inspect office
allowlists inspect none
allowlists check 192.0.2.1 8.8.8.8
allowlists check nonsense
EOT
    done
    cat <<'EOT'
notifications reinject 1
notifications reinject 99
decisions delete -i 1.2.3.4
decisions delete -r 1.2.3.0/24
decisions delete -t captcha
decisions delete -v bob
decisions delete -s 'import values: 2 IPs'
decisions delete --origin cscli-import
decisions delete --id 5
decisions delete --id 5
decisions delete --id 999
decisions delete
decisions delete -r 1.0.0.0/8 --contained
decisions list -a
decisions delete --all
decisions list
alerts delete -i 1.2.3.4
alerts delete --scope country
alerts delete -v bob
alerts delete -s 'by hand'
alerts delete --id 3
alerts delete --id 999
alerts delete -r 1.2.0.0/16 --contained
alerts list -a
alerts delete -a
alerts list -a
EOT
}

# What cscli of FOLDER prints, and its status, without what differs from run to run.
# cscli_says FOLDER WORD…
cscli_says() {
    local folder=$1
    shift
    { "$folder/cli" "$@" 2>&1 </dev/null; echo "status $?"; } |
        sed -E "s#$folder#<home>#g"'
            s/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/<uuid>/g; s/[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+( \+0000 UTC|Z)?/<time>/g
            s/(([0-9]+h)?[0-9]+m)?[0-9]+s\b/<duration>/g; s/127\.0\.0\.1:[0-9]+/<address>/g; s/[-+| ]+/ /g
            # A notification without a plugin says by chance that it waits.
            /sleeping/d'
}

cscli_beside() {
    local name="cscli 1.7.8 beside its own server" own=$work/cscli-own ours=$work/cscli-ours server=$work/cscli-server
    local line words told=0 folder
    [[ -x $crowdsec/cscli ]] || { skip "$name" "SPILLWAY_CROWDSEC does not say where it is"; return; }
    crowdsec_home "$own" 18208 http://127.0.0.1:18208
    spillway_start "$server" 18210 || { fail "$name" "$(tail -3 "$server/log")"; return; }
    crowdsec_home "$ours" 18212 "$(<"$server/url")"
    printf 'login: agent\npassword: agentpassword\n' >>"$ours/credentials.yaml"
    {
        "$server/cli" machines add agent -p agentpassword -f "$server/agent.yaml" &&
            "$own/cli" machines add agent -p agentpassword --force -f "$own/credentials.yaml" && crowdsec_start "$own" &&
            for folder in "$server" "$own"; do
                "$folder/cli" allowlists create office -d 'the office' && "$folder/cli" allowlists add office 192.0.2.0/24 -d lan || return
            done
    } >"$own/begun" 2>&1 || { fail "$name" "$(tail -3 "$own/begun")"; return; }
    mkdir "$work/cscli-files"
    printf '198.51.100.1\n198.51.100.0/28\n192.0.2.3\n' >"$work/cscli-files/values"
    printf 'duration,scope,value,type,reason\n1h,ip,198.51.100.20,ban,one\n2h,range,198.51.101.0/24,captcha,two\n' >"$work/cscli-files/list.csv"
    echo '[{"duration":"4h","scope":"ip","type":"captcha","value":"198.51.100.21"},{"value":"198.51.100.22"}]' >"$work/cscli-files/list.json"
    : >"$work/cscli-differs"
    while IFS= read -r line; do
        mapfile -t words < <(xargs -n1 printf '%s\n' <<<"$line")
        for folder in "$own" "$ours"; do
            (cd "$work/cscli-files" && cscli_says "$folder" "${words[@]}") >"$folder/said"
        done
        told=$((told + 1))
        diff "$own/said" "$ours/said" >"$work/cscli-diff" || { echo "cscli $line"; cat "$work/cscli-diff"; } >>"$work/cscli-differs"
    done < <(cscli_variants)
    [[ -s $work/cscli-differs ]] && { fail "$name" "$(head -20 "$work/cscli-differs")"; return; }
    ok "$name: $told commands say the same"
}
