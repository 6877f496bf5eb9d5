# The API by https: bouncers and an agent whose certificates say who they are.

# certificate FOLDER NAME UNIT: a key and a certificate of the authority in FOLDER.
certificate() {
    local folder=$1 name=$2
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$folder/$name.key" \
        -out "$folder/$name.csr" -subj "/OU=$3/CN=$name" &&
        openssl x509 -req -in "$folder/$name.csr" -CA "$folder/ca.pem" -CAkey "$folder/ca.key" -CAcreateserial \
            -days 2 -out "$folder/$name.pem" -extfile <(echo 'subjectAltName=IP:127.0.0.1')
}

over_tls() {
    local name="over TLS" folder=$work/tls
    command -v openssl >/dev/null || { skip "$name" "no openssl"; return; }
    mkdir -p "$folder"
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=test authority" \
            -keyout "$folder/ca.key" -out "$folder/ca.pem" &&
            certificate "$folder" server server-ou && certificate "$folder" agent agent-ou &&
            certificate "$folder" gate bouncer-ou &&
            certificate "$folder" door bouncer-ou && certificate "$folder" guest guest-ou
    } >"$folder/openssl.log" 2>&1 || { fail "$name" "$(tail -3 "$folder/openssl.log")"; return; }
    spillway_start "$folder" 18188 "  tls: {cert_file: server.pem, key_file: server.key, ca_cert_path: ca.pem, agents_allowed_ou: [agent-ou], bouncers_allowed_ou: [bouncer-ou]}" ||
        { fail "$name" "$(tail -3 "$folder/log")"; return; }
    "$folder/cli" bouncers add byname -k key-byname >/dev/null
    go_client_tls "$folder"
    agent "crowdsec 1.7.8 agent with a certificate" "$folder" \
        "$(printf '%s: %s\n' ca_cert_path "$folder/ca.pem" cert_path "$folder/agent.pem" key_path "$folder/agent.key")" \
        "$(printf '%s: %s\n' ca_cert_path "$folder/ca.pem" cert_path "$folder/door.pem" key_path "$folder/door.key")"
}

# Live with a key, stream with a certificate; a certificate of another unit is nobody's.
go_client_tls() {
    local folder=$1 name="go-cs-bouncer v0.0.19 over TLS" authority=(-ca "$1/ca.pem")
    go_client_is_built || { skip "$name" "$go_missing"; return; }
    go_client_at "$name" "$folder" 203.0.113.40 "${authority[@]}" -key key-byname -- \
        "${authority[@]}" -cert "$folder/gate.pem" -certkey "$folder/gate.key"
    timeout 60 "$work/go/client" -url "$(<"$folder/url")/" -address 203.0.113.40 "${authority[@]}" \
        -cert "$folder/guest.pem" -certkey "$folder/guest.key" live >"$folder/guest.log" 2>&1 &&
        fail "$name" "a certificate of another unit is let in" || grep -q 'forbidden' "$folder/guest.log" &&
        ok "$name: a certificate of another unit is refused" || fail "$name" "$(tail -3 "$folder/guest.log")"
}
