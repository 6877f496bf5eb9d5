# The image of the service: built from the Dockerfile's runtime stage with the binary that is there, and run as
# little privileged as a container can be.

test_image() {
    local what="image" container=$name-image size added
    image_built || { skip "$what" "$reason"; return; }
    size=$("$docker" image inspect -f '{{.Size}}' "$name-spillway")
    added=$((size - $("$docker" image inspect -f '{{.Size}}' "$base") - $(stat -c %s "$work/spillway")))
    if ((added < 30000000)); then
        ok "$what: $((size / 1000000)) MB, of which $(($(stat -c %s "$work/spillway") / 1000000)) MB are the binary and $((added / 1000000)) MB its libraries"
    else
        fail "$what" "$((added / 1000000)) MB over its base and its binary"
    fi
    must "$what: it is $("$spillway" --version)" image_says "$("$spillway" --version)" --version
    must "$what: its user is not root" [ "$("$docker" image inspect -f '{{.Config.User}}' "$name-spillway")" = 990 ]
    "$docker" run -d --name "$container" --read-only --cap-drop ALL --security-opt no-new-privileges --health-interval 2s --health-timeout 3s \
        -v "$container:/var/lib/spillway" "$name-spillway" >"$work/last" 2>&1 || { fail "$what" "$(<"$work/last")"; return; }
    must "$what: healthy, read-only and without capabilities" until_true 60 image_is healthy "$container" ||
        { "$docker" logs "$container" 2>&1 | tail -n 5; return; }
    must "$what: its process is user 990" [ "$("$docker" exec "$container" id -u)" = 990 ]
    must "$what: its state is its own" "$docker" exec "$container" test -O /var/lib/spillway/CURRENT
    "$docker" kill -s STOP "$container" >/dev/null
    must "$what: unhealthy while it hangs" until_true 90 image_is unhealthy "$container"
    "$docker" kill -s CONT "$container" >/dev/null
    must "$what: ends on docker stop" "$docker" stop -t 20 "$container"
    must "$what: with code 0" [ "$("$docker" inspect -f '{{.State.ExitCode}}' "$container")" = 0 ]
    "$docker" rm -v "$container" >/dev/null && "$docker" volume rm "$container" >/dev/null
}

# The image $name-spillway; `reason` says why there is none. A build that fails is a failure.
image_built() {
    docker_is_here && docker_base || return
    "$docker" image inspect "$name-spillway" >/dev/null 2>&1 && return
    local context=$work/context
    mkdir -p "$context" && cp -r "$root/deploy" "$root/.dockerignore" "$context/" && cp "$work/spillway" "$context/deploy/docker/spillway"
    must "image: built" docker_image spillway "$context" -f "$context/deploy/docker/Dockerfile" --build-arg BINARY=prebuilt ||
        { reason="it was not built"; return 1; }
}

# image_says TEXT ARGUMENT…
image_says() {
    local text=$1
    shift
    [[ $("$docker" run --rm "$name-spillway" "$@") == "$text" ]]
}

image_is() { [[ $("$docker" inspect -f '{{.State.Health.Status}}' "$2") == "$1" ]]; }
