# The trial of compose.yaml by docker-compose: the commands that its head tells people to type, then an attack by
# each of the other two ways in, then a restart.

trial=
compose=

test_trial() {
    local what="trial" from
    trial_compose || { skip "$what" "$reason"; return; }
    image_built || { skip "$what" "$reason"; return; }
    must "$what: rsyslog's image built" docker_image rsyslog "$root/deploy/docker/trial" -f "$root/deploy/docker/trial/rsyslog.Dockerfile" &&
        trial_kafka && trial_loki || { [[ -z $reason ]] || skip "$what" "$reason"; return; }
    # Ports that a service beside it has not.
    export API_PORT=28080 METRICS_PORT=26060 SYSLOG_PORT=25514 LOKI_PORT=23100
    trial=$name-trial
    must "$what: docker-compose up" trial_compose_runs up -d || return
    must "$what: every source reads, every output takes" until_true 120 trial_works || { trial_tells; return; }

    [[ $(trial_steps | grep -c .) -ge 4 ]] || { fail "$what" "compose.yaml tells no commands"; return; }
    trial_key=$(trial_asks spillway spillway bouncers add trial -o raw | tr -d '\r"\n ')
    must "$what: ten failed logins are sent as compose.yaml says" trial_types logger
    must "$what: by rsyslog to a ban at /v1/decisions" until_true 60 trial_bans 203.0.113.7 || trial_tells
    must "$what: spillway decisions list shows it" trial_shows 203.0.113.7 spillway decisions list
    must "$what: spillway top shows it" trial_shows 203.0.113.7 spillway top --once
    must "$what: the decision topic has it once" until_true 60 trial_topic_has 1 203.0.113.7 || trial_topic
    trial_failures 203.0.113.8 | trial_asks kafka kcat -P -b kafka:9092 -t logs
    must "$what: by the Kafka topic logs to a ban" until_true 60 trial_bans 203.0.113.8 || trial_tells
    trial_pushes 203.0.113.9
    must "$what: by Loki to a ban" until_true 60 trial_bans 203.0.113.9 || trial_tells
    must "$what: metrics are served" grep -q '^cs_' <(curl -sf "http://127.0.0.1:$METRICS_PORT/metrics")

    must "$what: restarted" trial_compose_runs restart
    must "$what: it works again" until_true 120 trial_works || trial_tells
    for from in 203.0.113.7 203.0.113.8 203.0.113.9; do
        must "$what: $from is still banned, and told once" until_true 60 trial_keeps "$from" || trial_topic
    done
    must "$what: docker-compose down" trial_compose_runs down --volumes
    must "$what: nothing of it is left" [ -z "$("$docker" ps -aq --filter "name=$trial")$("$docker" volume ls -q --filter "name=$trial")" ]
    trial=
}

# Debian's docker-compose, or Docker's plugin.
trial_compose() {
    docker_is_here || return
    if command -v docker-compose >/dev/null; then
        compose=(docker-compose)
        # It builds and asks by the command that is first in the path.
        mkdir -p "$work/bin" && ln -sf "$docker" "$work/bin/docker" && PATH=$work/bin:$PATH
    elif "$docker" compose version >/dev/null 2>&1; then
        compose=("$docker" compose)
    else
        reason="no docker-compose"
        return 1
    fi
    local tool
    for tool in logger curl python3; do
        command -v "$tool" >/dev/null || { reason="no $tool"; return 1; }
    done
    docker_base
}

trial_compose_runs() {
    SPILLWAY_IMAGE=$name-spillway RSYSLOG_IMAGE=$name-rsyslog KAFKA_IMAGE=$kafka_image LOKI_IMAGE=$loki_image \
        "${compose[@]}" -p "$trial" -f "$root/deploy/docker/compose.yaml" "$@"
}

# The image of the broker, with kcat inside in any case: it speaks from within the trial's network.
trial_kafka() {
    local context=$work/kafka jars
    reason=
    cp -r "$here/images/kafka" "$context" && mkdir "$context/libs"
    jars=$("$root/integration/services/kafka/fetch.sh" 2>"$work/last") || { reason="no Kafka: $(tail -n 1 "$work/last")"; return 1; }
    cp "$jars"/*.jar "$context/libs/"
    # The reader of topics is in a jar of its own.
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact=org.apache.kafka:kafka-tools:4.1.0 \
        -DoutputDirectory="$context/libs" >"$work/last" 2>&1 || { reason="no Kafka: $(tail -n 1 "$work/last")"; return 1; }
    must "trial: Kafka's image built" docker_image kafka "$context" && kafka_image=$name-kafka
}

trial_loki() {
    local context=$work/loki binary module
    reason=
    cp -r "$here/images/loki" "$context"
    binary=$("$root/integration/services/loki/build.sh" 2>"$work/last") || { reason="no Loki: $(tail -n 1 "$work/last")"; return 1; }
    module=$(cd / && go mod download -json github.com/grafana/loki/v3@v3.7.8 | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p')
    cp "$binary" "$context/loki" && cp "$module/cmd/loki/loki-docker-config.yaml" "$context/" || { reason="no Loki"; return 1; }
    must "trial: Loki's image built" docker_image loki "$context" && loki_image=$name-loki
}

# The commands in the head of compose.yaml.
trial_steps() {
    sed -n '/^services:/q; s/^#   //p' "$root/deploy/docker/compose.yaml"
}

# trial_types WORD: runs those from the loop with WORD in it, with our port instead of theirs.
trial_types() {
    local steps
    steps=$(trial_steps | sed -n '/^for /,/^done/p' | sed "s/--port 5514/--port $SYSLOG_PORT/")
    [[ $steps == *"$1"* ]] && eval "$steps"
}

# trial_asks SERVICE COMMAND…: runs it in there.
trial_asks() { trial_compose_runs exec -T "$@" 2>/dev/null; }

# trial_works: whether `status` is content, with three sources that read and one output.
trial_works() {
    local status
    status=$(trial_asks spillway spillway status -o json) || return
    python3 - "$status" <<'EOT'
import json, sys
status = json.loads(sys.argv[1])
states = [one["state"] for one in status["sources"] + status["outputs"]]
sys.exit(states != ["reading"] * 4)
EOT
}

trial_tells() {
    trial_asks spillway spillway status
    trial_asks spillway spillway unparsed -o raw | head -n 3
    trial_compose_runs logs --no-color --tail 8 spillway rsyslog kafka
}

# trial_bans ADDRESS: whether a bouncer is told so.
trial_bans() {
    curl -sf -H "X-Api-Key: $trial_key" "http://127.0.0.1:$API_PORT/v1/decisions?ip=$1" | grep -q '"type":"ban"'
}

# trial_shows TEXT COMMAND…
trial_shows() {
    local text=$1
    shift
    trial_asks spillway "$@" | grep -F "$text"
}

trial_topic() {
    trial_asks kafka /opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server kafka:9092 --topic decisions --from-beginning \
        --isolation-level read_committed --timeout-ms 5000 2>/dev/null
}

# trial_topic_has COUNT ADDRESS: whether so many of the topic's messages ban it.
trial_topic_has() {
    [[ $(trial_topic | grep -F "\"value\":\"$2\"" | grep -c '"type":"ban"') == "$1" ]]
}

trial_keeps() { trial_bans "$1" && trial_topic_has 1 "$1"; }

# trial_failures ADDRESS: ten logins that fail, now.
trial_failures() {
    local number
    for number in 1 2 3 4 5 6 7 8 9 10; do
        echo "$(date -u +%FT%T.%NZ) gate sshd[$number]: Failed password for invalid user admin from $1 port 4242 ssh2"
    done
}

# trial_pushes ADDRESS: the same into Loki.
trial_pushes() {
    trial_failures "$1" | python3 -c '
import json, sys, time, urllib.request
now = time.time_ns()
values = [[str(now + number), line.rstrip("\n")] for number, line in enumerate(sys.stdin)]
body = json.dumps({"streams": [{"stream": {"job": "ssh"}, "values": values}]}).encode()
request = urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"})
urllib.request.urlopen(request)' "http://127.0.0.1:$LOKI_PORT/loki/api/v1/push"
}

trial_ends() {
    [[ -z $trial ]] || trial_compose_runs down --volumes --timeout 5 >/dev/null 2>&1
}
