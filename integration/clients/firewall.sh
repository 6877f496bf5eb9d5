# Debian's crowdsec-firewall-bouncer 0.0.25 in a network of its own, whose kernel drops the packets of banned
# addresses: with nftables, and with iptables and ipset.

firewall_bouncer() {
    local name="crowdsec-firewall-bouncer" binary
    unshare --net true 2>/dev/null || { skip "$name" "no network namespace is to be had: not root?"; return; }
    binary=$(debian_program "$name") || { skip "$name" "not installed, nor to be had by apt-get"; return; }
    # Its nftables sets are of addresses: of a range they have the first.
    firewall_drops "$name: nftables" nftables 18204 203.0.113.64 nft
    firewall_drops "$name: iptables" iptables 18206 203.0.113.70 iptables ip6tables ipset
}

# firewall_drops NAME MODE PORT IN-RANGE TOOL…: a server and the bouncer, where the addresses of the test are at
# home. IN-RANGE is an address of 203.0.113.64/28.
firewall_drops() {
    local name=$1 mode=$2 port=$3 inside=$4 folder=$work/firewall-$2 tool within=()
    shift 4
    for tool in ip nsenter "$@"; do command -v "$tool" >/dev/null || { skip "$name" "no $tool"; return; }; done
    mkdir -p "$folder"
    unshare --net sleep infinity &
    pids+=($!)
    within=(nsenter "--net=/proc/$!/ns/net")
    until_true 5 firewall_network || { fail "$name" "no network"; return; }
    spillway_start "$folder" "$port" || { fail "$name" "$(tail -3 "$folder/log")"; return; }
    "$folder/cli" bouncers add firewall -k key-firewall >/dev/null
    firewall_start "$folder" "$mode"
    firewall_history "$folder" "$inside" >"$folder/seen" 2>&1 && ok "$name: packets of the banned are dropped" ||
        fail "$name" "$(tail -n 3 "$folder/seen" "$folder/bouncer.log")"
}

# Not before `unshare` has left the network that it came from.
firewall_network() {
    [[ $("${within[@]}" readlink /proc/self/ns/net) != "$(readlink /proc/self/ns/net)" ]] &&
        "${within[@]}" ip link set lo up &&
        "${within[@]}" ip route replace local 203.0.113.0/24 dev lo &&
        "${within[@]}" ip address replace 2001:db8::28/128 dev lo nodad &&
        "${within[@]}" ip address replace 2001:db8::29/128 dev lo nodad
}

firewall_start() {
    local folder=$1
    cat >"$folder/bouncer.yaml" <<EOT
mode: $2
pid_dir: $folder
update_frequency: 1s
daemonize: false
log_mode: stdout
log_dir: $folder
log_level: info
api_url: $(<"$folder/url")/
api_key: key-firewall
disable_ipv6: false
deny_action: DROP
deny_log: false
supported_decisions_types: [ban]
blacklists_ipv4: crowdsec-blacklists
blacklists_ipv6: crowdsec6-blacklists
ipset_type: nethash
iptables_chains: [INPUT]
nftables:
  ipv4: {enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}
  ipv6: {enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}
prometheus: {enabled: false}
EOT
    "${within[@]}" "$binary" -c "$folder/bouncer.yaml" >"$folder/bouncer.log" 2>&1 &
    pids+=($!)
}

# firewall_history FOLDER IN-RANGE: what happens at the server, and whose packets are dropped then.
firewall_history() {
    local folder=$1 inside=$2
    packets pass 203.0.113.28 && packets pass 2001:db8::28 &&
        attack "$folder" 203.0.113.28 && packets dropped 203.0.113.28 &&
        attack "$folder" 2001:db8::28 && packets dropped 2001:db8::28 &&
        packets pass 203.0.113.29 && packets pass 2001:db8::29 &&
        pardon "$folder" 203.0.113.28 && packets pass 203.0.113.28 &&
        pardon "$folder" 2001:db8::28 && packets pass 2001:db8::28 &&
        "$folder/cli" decisions add -r 203.0.113.64/28 -d 1h >>"$folder/cli.log" 2>&1 && packets dropped "$inside" &&
        "$folder/cli" decisions add -i 203.0.113.28 -d 1h -t captcha >>"$folder/cli.log" 2>&1 &&
        "$folder/cli" decisions delete -r 203.0.113.64/28 >>"$folder/cli.log" 2>&1 && packets pass "$inside" &&
        packets pass 203.0.113.28
}

# packets pass|dropped ADDRESS: soon, those from there are.
packets() {
    until_true 20 "packets_$1" "$2" || { echo "not so: packets of $2 $1"; return 1; }
}

# A port where nobody listens refuses (7) at once; what is dropped times out (28).
packets_pass() { packet "$1"; (($? == 7)); }
packets_dropped() { packet "$1"; (($? == 28)); }

packet() {
    local host=127.0.0.1
    [[ $1 == *:* ]] && host='[::1]'
    "${within[@]}" curl -s -m 1 --interface "$1" "http://$host:9/"
}
