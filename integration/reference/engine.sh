# The reference engine over one log: shell functions for replay.sh, record.sh and the benchmark.
# In: hub items and a log. Out: the engine's alerts, as its own database has them.
#
#   engine_home HOME CORPUS ITEM…    a configuration of its own with these items; `all` is the whole hub
#   engine_start HOME                starts its API, which a replay reports to
#   engine_replay HOME LOG TYPE …    replays; further arguments go to the engine
#   engine_overflows HOME            prints the alerts, sorted JSON lines
#   engine_stop HOME
#
# CORPUS holds hub/ (with index.json), patterns/, data/ and perhaps data-own/. engine_binaries is the
# folder that build.sh printed. One of ours: each home gets its own port.

export CROWDSEC_FEATURE_RE2_REGEXP_IN_FILE_SUPPORT=true

# Prints "kind path" for each item and, through collections, its members.
engine_members() {
    local hub=$1 item kind path section line
    shift
    if [[ $1 == all ]]; then
        jq -r 'to_entries[] | select(.key | IN("parsers","scenarios","postoverflows","contexts"))
               | .key as $kind | .value[] | "\($kind) \(.path)"' "$hub/index.json"
        return
    fi
    for item; do
        while read -r kind path; do
            echo "$kind $path"
            [[ $kind == collections ]] || continue
            section=
            while IFS= read -r line; do
                case $line in
                    [a-z]*:*) section=${line%%:*} ;;
                    *-\ */*)
                        line=${line#*- }
                        case $section in
                            collections) engine_members "$hub" "${line//[\"\' ]/}" ;;
                            parsers | scenarios | postoverflows | contexts)
                                jq -r --arg kind "$section" --arg name "${line//[\"\' ]/}" \
                                    '.[$kind][$name] // empty | "\($kind) \(.path)"' "$hub/index.json" ;;
                        esac ;;
                esac
            done <"$hub/$path"
        done < <(jq -r --arg name "$item" 'to_entries[] | .key as $kind | .value[$name] // empty
                    | select($kind | startswith("appsec") | not) | "\($kind) \(.path)"' "$hub/index.json")
    done | sort -u
}

engine_home() {
    local home corpus=$2 port kind path folder
    rm -rf "$1" && mkdir -p "$1"
    home=$(realpath "$1")
    shift 2
    mkdir -p "$home"/{etc,data,log,plugins,etc/notifications}
    cp -rL "$corpus/hub" "$home/hub" && chmod -R u+w "$home/hub"
    cp "$home/hub/index.json" "$home/hub/.index.json"
    cp -rL "$corpus/data/." "$home/data/" && chmod -R u+w "$home/data"
    if [[ -d $corpus/data-own ]]; then
        cp -rLf "$corpus/data-own/." "$home/data/" && chmod -R u+w "$home/data"
    fi
    cp "$engine_binaries/config/"{profiles,simulation,console}.yaml "$home/etc/"
    engine_members "$home/hub" "$@" >"$home/members"
    [[ -s $home/members ]] || { echo "engine_home: no such item: $*" >&2; return 1; }
    while read -r kind path; do
        case $kind in
            parsers | postoverflows) folder=$kind/$(cut -d/ -f2 <<<"$path") ;;
            *) folder=$kind ;;
        esac
        mkdir -p "$home/etc/$folder"
        # A basename that two authors use: the second link bears the author's name.
        local link=$home/etc/$folder/$(basename "$path")
        [[ -e $link ]] && link=${link%.yaml}.$(basename "$(dirname "$path")").yaml
        ln -s "$home/hub/$path" "$link"
    done <"$home/members"
    port=$((20000 + $(cksum <<<"$home" | cut -d' ' -f1) % 20000))
    echo "url: http://127.0.0.1:$port" >"$home/etc/local_api_credentials.yaml"
    engine_configuration "$home" "$corpus" "$port" >"$home/config.yaml"
    "$engine_binaries/cscli" -c "$home/config.yaml" machines add spillway --auto --force \
        -f "$home/etc/local_api_credentials.yaml" >"$home/log/cscli.log" 2>&1
}

engine_configuration() {
    cat <<EOF
common: {log_media: file, log_level: error, log_dir: $1/log}
config_paths:
  config_dir: $1/etc
  data_dir: $1/data
  simulation_path: $1/etc/simulation.yaml
  hub_dir: $1/hub
  index_path: $1/hub/.index.json
  notification_dir: $1/etc/notifications
  plugin_dir: $1/plugins
  pattern_dir: $(realpath "$2")/patterns
crowdsec_service: {acquisition_path: $1/etc/acquis.yaml, console_context_path: $1/etc/context.yaml, parser_routines: 1}
cscli: {output: raw}
db_config: {type: sqlite, db_path: $1/engine.db, use_wal: true, flush: {max_items: 1000000}}
api:
  client: {credentials_path: $1/etc/local_api_credentials.yaml}
  server:
    listen_uri: 127.0.0.1:$3
    profiles_path: $1/etc/profiles.yaml
    console_path: $1/etc/console.yaml
prometheus: {enabled: false}
EOF
}

engine_start() {
    local url try
    : >"$1/etc/acquis.yaml" && echo '{}' >"$1/etc/context.yaml"
    "$engine_binaries/crowdsec" -c "$1/config.yaml" -no-cs >"$1/log/api.out" 2>&1 &
    echo $! >"$1/api.pid"
    url=$(sed -n 's/^url: *//p' "$1/etc/local_api_credentials.yaml")
    for try in {1..150}; do
        curl -s -o /dev/null "$url/v1/decisions" && return
        sleep 0.2
    done
    echo "engine_start: its API does not answer, see $1/log" >&2
    return 1
}

engine_stop() {
    [[ -f $1/api.pid ]] || return 0
    kill "$(<"$1/api.pid")" 2>/dev/null || true
    wait "$(<"$1/api.pid")" 2>/dev/null || true
    rm -f "$1/api.pid"
}

engine_forget() {
    sqlite3 -cmd '.timeout 20000' "$1/engine.db" \
        'DELETE FROM decisions; DELETE FROM events; DELETE FROM meta; DELETE FROM alerts;'
}

# The command itself, so that the benchmark can put its stopwatch in front.
engine_command() {
    local home=$1 log=$2 type=$3
    shift 3
    engine_argv=("$engine_binaries/crowdsec" -c "$home/config.yaml" -dsn "file://$(realpath "$log")"
        -type "$type" -no-api "$@")
}

engine_replay() {
    local home=$1
    engine_command "$@"
    "${engine_argv[@]}" >"$home/log/replay.out" 2>&1
}

# Times in RFC 3339, UTC.
engine_overflows() {
    sqlite3 -json "$1/engine.db" "SELECT scenario, source_scope, source_value, events_count,
        started_at AS start_at, stopped_at AS stop_at FROM alerts" |
        jq -c '.[] | (.start_at, .stop_at) |= (sub(" "; "T") | sub("\\+00:00$"; "Z"))' | LC_ALL=C sort
}
