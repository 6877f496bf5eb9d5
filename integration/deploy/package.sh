# The Debian package: built, looked into, installed on a small Debian whose systemd boots in a container, tried
# there under the unit as it is shipped, removed and purged.

package_container=

test_package() {
    local what="package" deb
    command -v cargo-deb >/dev/null || { skip "$what" "no cargo-deb (cargo install cargo-deb)"; return; }
    mkdir -p "$work/target/release" && cp "$work/spillway" "$work/target/release/spillway"
    must "$what: make deb" env -u DOCKER_HOST CARGO_TARGET_DIR="$work/target" make -C "$root" deb BUILD=: || return
    deb=$(echo "$work"/target/debian/spillway_*.deb)
    package_lists "$deb"
    docker_is_here && docker_base || { skip "$what: installed" "$reason"; return; }
    package_boots "$deb" || return
    if package_installs; then
        package_serves
        package_is_watched
        package_goes
    fi
    package_ends
}

# What is in it, and that what people change is a configuration file.
package_lists() {
    local deb=$1
    dpkg-deb --fsys-tarfile "$deb" | tar -t | sed -n 's/^\.\(.*[^/]\)$/\1/p' | sort >"$work/files"
    must "$what: its files" diff "$here/package.files" "$work/files"
    must "$what: its configuration is one" [ "$(dpkg-deb -I "$deb" conffiles)" = /etc/spillway/spillway.yaml ]
    if command -v lintian >/dev/null; then must "$what: lintian finds no error" lintian --fail-on error "$deb"; fi
    ok "$what: $(($(stat -c %s "$deb") / 1000000)) MB"
}

# A machine with the package beside it. It sees the control groups of this one, where systemd makes its own.
package_boots() {
    local context=$work/debian
    cp -r "$here/images/debian" "$context" && cp "$1" "$context/spillway.deb"
    must "$what: what it depends on is to be had" docker_image debian "$context" || return
    package_container=$name-debian
    "$docker" run -d --name "$package_container" --hostname gate --cgroupns host --network none \
        --cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add SYS_PTRACE --security-opt seccomp=unconfined \
        --security-opt apparmor=unconfined --tmpfs /run --tmpfs /run/lock --tmpfs /tmp \
        -v /sys/fs/cgroup:/sys/fs/cgroup:rw "$name-debian" >"$work/last" 2>&1 &&
        until_true 30 package_has_booted && return
    skip "$what: installed" "no systemd boots in a container here: $(tail -n 1 "$work/last")"
    package_ends
    return 1
}

package_has_booted() { [[ $(inside systemctl is-system-running) == running ]]; }

# inside COMMAND…, and shell TEXT: on that machine.
inside() { "$docker" exec "$package_container" "$@"; }
shell() { "$docker" exec -i "$package_container" bash -euo pipefail -c "$1"; }

package_installs() {
    # What it depends on lies beside it: there is no network.
    must "$what: apt-get install" shell 'DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends /spillway.deb' || return
    must "$what: systemd-analyze verify" shell 'said=$(systemd-analyze verify --man=no spillway.service 2>&1); echo "$said"; [ -z "$said" ]'
    must "$what: the unit is enabled and, by READY=1, active" shell 'systemctl is-enabled spillway && systemctl is-active spillway'
    must "$what: it runs as spillway, and may no more" shell '
        status=/proc/$(systemctl show -p MainPID --value spillway)/status
        grep -q "^Uid:.*$(id -u spillway)" $status && grep -q "^NoNewPrivs:.*1" $status && grep -q "^Seccomp:.*2" $status
        # Its capabilities: CAP_NET_BIND_SERVICE and CAP_NET_ADMIN.
        grep -q "^CapBnd:.*0000000000001400" $status'
    ok "$what: exposure by systemd-analyze security: $(inside systemd-analyze security --no-pager spillway | sed -n 's/.*level for spillway.service: //p')"
}

# An attack on sshd as this machine's own logs have it: its ban, by file and by journal.
package_serves() {
    must "$what: spillway status is content" inside spillway status
    must "$what: an attack in auth.log is sent" shell "$(package_attacks 203.0.113.7)"
    must "$what: its ban is there" until_true 30 package_bans 203.0.113.7 || inside spillway status
    must "$what: systemctl reload" shell 'systemctl reload spillway && spillway status | grep "1 reloads"'
    must "$what: a broken configuration stops spillway check" shell '
        said=$(spillway check -c <(echo "sourcs: []") 2>&1) && exit 1
        echo "$said"; [[ $said == *"did you mean"*sources* ]]'
    shell 'cat >/etc/spillway/spillway.yaml' <<'EOT'
sources:
- {source: journalctl, journalctl_filter: [SYSLOG_FACILITY=4], labels: {type: syslog}}
- {source: syslog, listen_addr: 127.0.0.1, listen_port: 514, protocol: udp, labels: {type: syslog}}
outputs:
- {output: file, path: /var/lib/spillway/decisions.jsonl, streams: [decisions]}
EOT
    must "$what: with another configuration, port 514 and the journal" shell 'systemctl restart spillway && spillway status'
    must "$what: an attack in the journal is sent" shell "$(package_attacks 203.0.113.8)"
    must "$what: its ban is there" until_true 30 package_bans 203.0.113.8 || inside spillway status
    must "$what: an attack by syslog is sent" shell "$(package_attacks 203.0.113.9 --rfc5424 --udp --server 127.0.0.1 --port 514)"
    must "$what: its ban is there" until_true 30 package_bans 203.0.113.9 || inside spillway status
    must "$what: the first is still there" package_bans 203.0.113.7
    must "$what: each is told once" shell '
        for from in 203.0.113.8 203.0.113.9; do [ $(grep -c "\"value\":\"$from\"" /var/lib/spillway/decisions.jsonl) = 1 ]; done'
}

# package_attacks ADDRESS [OPTION…]: prints what sends ten failed logins.
package_attacks() {
    local from=$1
    shift
    echo "for n in 1 2 3 4 5 6 7 8 9 10; do logger -p auth.info -t sshd $* 'Failed password for invalid user admin from $from port 4242 ssh2'; done"
}

package_bans() { inside spillway decisions list -o raw | grep -F "Ip:$1,"; }

# A process that hangs is killed and started again; shortened, as nobody waits for minutes.
package_is_watched() {
    must "$what: its watchdog is on" shell '[ "$(systemctl show -p WatchdogUSec --value spillway)" = "1min 30s" ]'
    must "$what: a process that hangs is started again" shell '
        mkdir -p /run/systemd/system/spillway.service.d
        printf "[Service]\nWatchdogSec=6s\nTimeoutAbortSec=2s\n" >/run/systemd/system/spillway.service.d/short.conf
        systemctl daemon-reload && systemctl restart spillway
        hangs=$(systemctl show -p MainPID --value spillway)
        # Before that it outlives the time.
        sleep 10
        [ $(systemctl show -p NRestarts --value spillway) = 0 ]
        kill -STOP $hangs
        for n in $(seq 120); do
            if [ $(systemctl show -p NRestarts --value spillway) = 1 ] && systemctl is-active -q spillway; then break; fi
            sleep 0.5
        done
        [ $(systemctl show -p MainPID --value spillway) != $hangs ] && spillway status
        journalctl -u spillway | grep -F "Watchdog timeout"
        rm -r /run/systemd/system/spillway.service.d && systemctl daemon-reload'
    must "$what: with what it knew" package_bans 203.0.113.9
}

package_goes() {
    must "$what: systemctl stop within 10 s" timeout 10 "$docker" exec "$package_container" systemctl stop spillway
    must "$what: and in good order" shell '[ $(systemctl show -p Result --value spillway) = success ]'
    must "$what: removed, state and configuration stay" shell '
        dpkg -r spillway && [ -e /etc/spillway/spillway.yaml ] && [ -e /var/lib/spillway/CURRENT ] && ! command -v spillway'
    must "$what: installed again, it knows what it knew" shell '
        DEBIAN_FRONTEND=noninteractive dpkg -i --force-confold /spillway.deb && systemctl is-active spillway' &&
        must "$what: its ban is there" until_true 30 package_bans 203.0.113.9
    must "$what: purged, its user is all that is left" shell '
        dpkg -P spillway && ! systemctl is-active spillway
        left=$(find / -xdev -iname "*spillway*" -not -path "/proc/*" -not -path "/sys/*" -not -path /spillway.deb)
        echo "$left"; [ -z "$left" ] && getent passwd spillway'
    must "$what: no unit has failed" shell '[ -z "$(systemctl --failed --no-legend)" ]'
}

package_ends() {
    [[ -z $package_container ]] || "$docker" rm -f -v "$package_container" >/dev/null 2>&1
    package_container=
}
