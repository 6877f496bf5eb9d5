# Programs on the libraries that bouncers are made of: PyPI, npm, Go.

# PyPI's pycrowdsec 0.0.5.
python_client() {
    local name="pycrowdsec 0.0.5"
    python3 -m venv "$work/venv" >/dev/null 2>&1 && "$work/venv/bin/pip" install -q pycrowdsec==0.0.5 >/dev/null 2>&1 ||
        { skip "$name" "no Python with pip, or no package index"; return; }
    attack "$plain" 203.0.113.21
    "$work/venv/bin/python" "$here/stream.py" "$(<"$plain/url")/" key-python 203.0.113.21 >"$work/python.log" 2>&1 &
    pids+=($!)
    until_true 20 grep -q '^banned' "$work/python.log" || { fail "$name" "$(tail -3 "$work/python.log")"; return; }
    pardon "$plain" 203.0.113.21
    until_true 20 grep -q '^free' "$work/python.log" || { fail "$name" "$(tail -3 "$work/python.log")"; return; }
    ok "$name: stream"
}

# npm's @crowdsec/nodejs-bouncer 0.2.0.
node_client() {
    local name="@crowdsec/nodejs-bouncer 0.2.0"
    command -v npm >/dev/null || { skip "$name" "no npm"; return; }
    mkdir -p "$work/node" && (cd "$work/node" && npm init -y >/dev/null 2>&1 &&
        npm install --silent @crowdsec/nodejs-bouncer@0.2.0 >"$work/npm.log" 2>&1) ||
        { skip "$name" "no package of npm: $(tail -1 "$work/npm.log" 2>/dev/null)"; return; }
    cp "$here/live.mjs" "$work/node/"
    attack "$plain" 203.0.113.22
    (cd "$work/node" && timeout 60 node live.mjs "$(<"$plain/url")" key-node 203.0.113.22) >"$work/node.log" 2>&1 &
    local node=$!
    pids+=("$node")
    until_true 20 grep -q '^ban$' "$work/node.log" || { fail "$name" "$(tail -3 "$work/node.log")"; return; }
    pardon "$plain" 203.0.113.22
    wait "$node" && ok "$name: live" || fail "$name" "$(tail -3 "$work/node.log")"
}

# Builds the client on github.com/crowdsecurity/go-cs-bouncer v0.0.19, once.
go_client_is_built() {
    [[ -x $work/go/client ]] && return
    command -v go >/dev/null || { go_missing="no Go"; return 1; }
    cp -r "$here/go" "$work/go" && (cd "$work/go" && GONOSUMDB=github.com/crowdsecurity/* GOFLAGS=-mod=mod go build -o client . >"$work/go.log" 2>&1) ||
        { go_missing="it cannot be built: $(tail -1 "$work/go.log")"; return 1; }
}

go_client() {
    local name="go-cs-bouncer v0.0.19"
    go_client_is_built || { skip "$name" "$go_missing"; return; }
    go_client_at "$name" "$plain" 203.0.113.23 -key key-golive -- -key key-gostream
}

# go_client_at NAME FOLDER ADDRESS LIVE-OPTION… -- STREAM-OPTION…
go_client_at() {
    local name=$1 folder=$2 address=$3 url log=$2/go.log live=()
    url=$(<"$folder/url")/
    shift 3
    while [[ $1 != -- ]]; do live+=("$1"); shift; done
    shift
    "$work/go/client" -url "$url" -address "$address" "$@" stream >"$log" 2>&1 &
    pids+=($!)
    attack "$folder" "$address"
    until_true 20 grep -q "^new $address" "$log" || { fail "$name: stream" "$(tail -3 "$log")"; return; }
    timeout 60 "$work/go/client" -url "$url" -address "$address" "${live[@]}" live >"$folder/live.log" 2>&1 &&
        ok "$name: live" || fail "$name: live" "$(tail -3 "$folder/live.log")"
    pardon "$folder" "$address"
    until_true 20 grep -q "^deleted $address" "$log" || { fail "$name: stream" "$(tail -3 "$log")"; return; }
    until_true 20 grep -q '^metrics sent' "$log" && ok "$name: stream and metrics" || fail "$name: metrics" "$(tail -3 "$log")"
}
