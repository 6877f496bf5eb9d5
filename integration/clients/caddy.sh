# Caddy with github.com/hslatman/caddy-crowdsec-bouncer v0.9.2: a page that a banned address does not get.

caddy() {
    local name="caddy-crowdsec-bouncer v0.9.2" folder=$work/caddy
    command -v go >/dev/null || { skip "$name" "no Go"; return; }
    cp -r "$here/caddy" "$folder"
    (cd "$folder" && GONOSUMDB=github.com/crowdsecurity/*,github.com/hslatman/* GOFLAGS=-mod=mod go build -o caddy .) >"$work/caddy.log" 2>&1 ||
        { skip "$name" "it cannot be built: $(tail -1 "$work/caddy.log")"; return; }
    caddy_guards "$name: live" 203.0.113.26 18200 $'api_key key-caddylive\n disable_streaming'
    caddy_guards "$name: stream" 203.0.113.27 18202 $'api_key key-caddystream\n ticker_interval 1s'
}

# caddy_guards NAME ADDRESS PORT OPTIONS: a page on PORT, whose visitors have the addresses that a proxy says.
caddy_guards() {
    local name=$1 address=$2 page=http://127.0.0.1:$3 folder=$work/caddy/$3
    mkdir -p "$folder"
    cat >"$folder/Caddyfile" <<EOT
{
    admin off
    order crowdsec first
    crowdsec {
        api_url $(<"$plain/url")
        $4
    }
    servers {
        trusted_proxies static 127.0.0.1/32
    }
}
$page {
    crowdsec
    respond "come in"
}
EOT
    XDG_DATA_HOME=$folder XDG_CONFIG_HOME=$folder "$work/caddy/caddy" run --config "$folder/Caddyfile" >"$folder/log" 2>&1 &
    pids+=($!)
    until_true 20 caddy_says 200 "$page" "$address" || { fail "$name" "no page: $(tail -3 "$folder/log")"; return; }
    attack "$plain" "$address"
    until_true 20 caddy_says 403 "$page" "$address" || { fail "$name" "$address is let in: $(tail -3 "$folder/log")"; return; }
    caddy_says 200 "$page" 192.0.2.200 || { fail "$name" "another address is kept out"; return; }
    pardon "$plain" "$address"
    until_true 20 caddy_says 200 "$page" "$address" && ok "$name: 403 while banned" ||
        fail "$name" "$address is kept out: $(tail -3 "$folder/log")"
}

# caddy_says STATUS PAGE ADDRESS
caddy_says() {
    [[ $(curl -s -o /dev/null -w '%{http_code}' -H "X-Forwarded-For: $3" "$2") == "$1" ]]
}
