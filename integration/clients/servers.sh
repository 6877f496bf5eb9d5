# The servers that clients are tried on: shell functions for run.sh. Each server has a folder with its
# log (auth.log), its address (url) and its command line (cli: `spillway`, or CrowdSec's `cscli`).
#
#   spillway_start FOLDER PORT [YAML]   `spillway run` on that log, with the embedded rules; YAML goes into `api:`
#   crowdsec_home FOLDER PORT URL       CrowdSec 1.7.8 with the same rules on that log, its API being URL
#   crowdsec_start FOLDER [OPTION…]     starts it; `-no-api` for an agent alone
#   attack FOLDER ADDRESS               logins that fail, now
#   pardon FOLDER ADDRESS               ends the decisions on it
#
# `within` is put before a server and what asks for its health: the network that they are in.

within=()
content=$root/pipeline/content

spillway_start() {
    local folder=$1 port=$2 scheme=http
    mkdir -p "$folder" && : >"$folder/auth.log"
    [[ ${3:-} == *cert_file* ]] && scheme=https
    echo "$scheme://127.0.0.1:$port" >"$folder/url"
    cat >"$folder/spillway.yaml" <<EOT
data: data
sources:
- {source: file, filenames: [auth.log], labels: {type: syslog}}
api:
  listen: 127.0.0.1:$port
${3:-}
metrics: {listen: "127.0.0.1:$((port + 1))"}
EOT
    printf '#!/bin/sh\nexec "%s" "$@" -c "%s/spillway.yaml"\n' "$spillway" "$folder" >"$folder/cli" && chmod +x "$folder/cli"
    "${within[@]}" "$spillway" run -c "$folder/spillway.yaml" >"$folder/found" 2>"$folder/log" &
    pids+=($!)
    until_true 20 "${within[@]}" curl -skf "$(<"$folder/url")/health" && until_true 20 "$folder/cli" status
}

crowdsec_home() {
    local folder=$1 port=$2 stage
    mkdir -p "$folder"/{hub,data,notifications,plugins,scenarios} && : >"$folder/auth.log"
    echo "$3" >"$folder/url"
    echo '{}' | tee "$folder/hub/.index.json" >"$folder/context.yaml"
    cp "$crowdsec/config/"{profiles,simulation,console}.yaml "$folder/"
    for stage in s00-raw/syslog s01-parse/sshd s02-enrich/dates; do
        install -D -m 644 "$content/parsers/${stage/\///spillway/}.yaml" "$folder/parsers/$stage.yaml"
    done
    cp "$content/scenarios/spillway/ssh-bruteforce.yaml" "$folder/scenarios/"
    printf 'filename: %s/auth.log\nlabels: {type: syslog}\n' "$folder" >"$folder/acquis.yaml"
    printf 'url: %s\n' "$3" >"$folder/credentials.yaml"
    cat >"$folder/config.yaml" <<EOT
common: {log_media: stdout, log_level: info}
config_paths:
  {config_dir: $folder, data_dir: $folder/data, simulation_path: $folder/simulation.yaml, hub_dir: $folder/hub,
   index_path: $folder/hub/.index.json, notification_dir: $folder/notifications, plugin_dir: $folder/plugins,
   pattern_dir: $crowdsec/config/patterns}
crowdsec_service: {acquisition_path: $folder/acquis.yaml, console_context_path: $folder/context.yaml}
db_config: {type: sqlite, db_path: $folder/crowdsec.db, use_wal: true}
api:
  client: {credentials_path: $folder/credentials.yaml}
  server: {listen_uri: "127.0.0.1:$port", profiles_path: $folder/profiles.yaml, console_path: $folder/console.yaml}
prometheus: {enabled: false}
EOT
    printf '#!/bin/sh\nexec "%s/cscli" -c "%s/config.yaml" "$@"\n' "$crowdsec" "$folder" >"$folder/cli" && chmod +x "$folder/cli"
}

# It reads what comes after its first look at the log.
crowdsec_start() {
    local folder=$1
    shift
    "$crowdsec/crowdsec" -c "$folder/config.yaml" "$@" >"$folder/log" 2>&1 &
    pids+=($!)
    until_true 30 grep -q 'Starting tail' "$folder/log"
}

attack() {
    local n
    for n in 1 2 3 4 5 6 7; do
        echo "$(date '+%b %e %H:%M:%S') web1 sshd[700$n]: Failed password for root from $2 port 4000$n ssh2"
    done >>"$1/auth.log"
}

pardon() {
    "$1/cli" decisions delete --ip "$2" >>"$1/cli.log" 2>&1
}
