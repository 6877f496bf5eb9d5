# A Docker daemon, and images on it: shell functions for run.sh. All images are named $name-…, and go at the end.
#
#   docker_is_here               whether there is a daemon; `reason` says why not. Starts one if it must
#   docker_is                    its name and version, for people
#   docker_base                  an image of a small Debian in `base`; `reason` says why not
#   docker_image NAME DIR [OPTION…]   builds $name-NAME from the directory
#   docker_ends                  removes what all these made

docker=
base=${DEBIAN:-}
reason=
own_daemon=

docker_is_here() {
    [[ $docker ]] && return
    docker_with_buildkit || return
    if ! "$docker" info >/dev/null 2>&1; then docker_starts || { docker=; return 1; }; fi
}

# A command that speaks BuildKit: by its plugin, or by itself as it did before version 23.
docker_with_buildkit() {
    local found version
    reason="no command docker that speaks BuildKit"
    while IFS= read -r found; do
        version=$("$found" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')
        if [[ $version ]] && { ((version < 23)) || "$found" buildx version >/dev/null 2>&1; }; then
            docker=$found reason=
            export DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1
            return
        fi
    done < <(type -ap docker)
    return 1
}

# A daemon of our own. It leaves the firewall alone: what is published is passed on by its proxy.
docker_starts() {
    reason="no Docker daemon answers"
    [[ $(id -u) == 0 ]] && command -v dockerd >/dev/null || return
    local home=$work/docker
    mkdir -p "$home"
    [[ -e /sys/class/net/docker0 ]] || touch "$home/no-bridge"
    export DOCKER_HOST=unix://$home/socket
    setsid dockerd --host "$DOCKER_HOST" --data-root "$home/data" --exec-root "$home/exec" --pidfile "$home/pid" \
        --iptables=false --ip6tables=false >"$home/log" 2>&1 &
    own_daemon=$!
    until_true 40 "$docker" info || { reason="dockerd does not start: $(tail -n 2 "$home/log")"; return 1; }
    reason=
}

docker_is() {
    [[ $docker ]] && echo "Docker $("$docker" version -f '{{.Server.Version}}')" || echo "no Docker"
}

docker_base() {
    [[ $base ]] && return
    if timeout 60 "$docker" pull -q debian:bookworm-slim >/dev/null 2>&1; then
        base=debian:bookworm-slim
        return
    fi
    reason="no registry is reachable, and no debootstrap is here"
    [[ $(id -u) == 0 ]] && command -v debootstrap >/dev/null || return
    debootstrap --variant=minbase bookworm "$work/base" >"$work/debootstrap.log" 2>&1 ||
        { reason="debootstrap: $(tail -n 1 "$work/debootstrap.log")"; return 1; }
    rm -rf "$work/base/var/cache/apt/archives/"*.deb "$work/base/var/lib/apt/lists/"*
    tar -C "$work/base" -c . | "$docker" import - "$name-base" >/dev/null && rm -rf "$work/base" || return
    base=$name-base reason=
}

# Builds have the network of the host: a daemon that leaves the firewall alone gives them no other.
docker_image() {
    local image=$1 context=$2
    shift 2
    "$docker" build --network host --progress plain --build-arg "DEBIAN=$base" -t "$name-$image" "$@" "$context" >"$work/$image.build" 2>&1 ||
        { tail -n 15 "$work/$image.build"; return 1; }
}

docker_ends() {
    [[ $docker ]] || return
    {
        "$docker" ps -aq --filter "name=$name-" | xargs -r "$docker" rm -f -v
        "$docker" volume ls -q --filter "name=$name-" | xargs -r "$docker" volume rm
        "$docker" images -q --filter "reference=$name-*" | sort -u | xargs -r "$docker" rmi -f
    } >/dev/null 2>&1
    [[ $own_daemon ]] || return
    kill "$own_daemon" 2>/dev/null && wait "$own_daemon" 2>/dev/null
    # What is mounted there keeps the folder from being removed.
    awk -v home="$work/docker/" 'index($2, home) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount
    [[ ! -e $work/docker/no-bridge ]] || ip link delete docker0 2>/dev/null
}
