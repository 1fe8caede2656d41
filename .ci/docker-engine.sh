#!/usr/bin/env bash
# A Docker engine of our own and the local images that the container tests need; no image registry is asked.
#
#   docker-engine.sh start   engine, base image, broker image; prints `export …` lines to be evaluated
#   docker-engine.sh stop    ends the engine; images stay in its data folder for the next time
#
# For root on Debian. What is missing (docker.io, debootstrap) is installed. The engine has its own socket and folders and
# leaves any other engine on the machine alone. Its data folder is $CORDON_ENGINE_DATA, /var/lib/cordon-engine by default.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
data=${CORDON_ENGINE_DATA:-/var/lib/cordon-engine}
run=/run/cordon-engine
base=debian:bookworm-slim
broker=cordon-test/kafka:$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$root/tests/broker/pom.xml")
export DOCKER_HOST=unix://$run/docker.sock
# Debian's client, not another one that may come first in PATH: it is as old as the engine and can ask for BuildKit.
docker=/usr/bin/docker

say() { echo "docker-engine: $*" >&2; }

install_missing() {
  local missing=()
  [[ -x /usr/sbin/dockerd && -x $docker ]] || missing+=(docker.io)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  apt-get update -qq >&2
  # The package would start an engine of its own; policy-rc.d is the way to say no, where there is an init at all.
  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

answers() { $docker version >/dev/null 2>&1; }

start_engine() {
  answers && return
  mkdir -p "$run" "$data"
  setsid /usr/sbin/dockerd -H "$DOCKER_HOST" --data-root "$data/docker" --exec-root "$run/exec" --pidfile "$run/pid" \
    --storage-driver vfs >"$run/log" 2>&1 </dev/null &
  local deadline=$((SECONDS + 60))
  until answers; do
    if ((SECONDS >= deadline)) || ! kill -0 $! 2>/dev/null; then
      tail -n 30 "$run/log" >&2
      say "the engine did not start"
      exit 1
    fi
    sleep 0.2
  done
}

is_there() { $docker image inspect "$1" >/dev/null 2>&1; }

# The Dockerfiles name the image that users pull. Here it is made, under the same name, from Debian's packages.
make_base() {
  is_there "$base" && return
  say "making $base"
  local tree
  tree=$(mktemp -d)
  chmod 755 "$tree" # it becomes the image's `/`, which users other than root must be able to enter
  debootstrap --variant=minbase bookworm "$tree" >"$tree.log" 2>&1 || { tail -n 20 "$tree.log" >&2; exit 1; }
  rm -rf "$tree/var/cache/apt/archives" "$tree/var/lib/apt/lists"
  mkdir -p "$tree/var/cache/apt/archives/partial" "$tree/var/lib/apt/lists/partial"
  tar -C "$tree" -c . | $docker import --change 'CMD ["bash"]' - "$base" >&2
  rm -rf "$tree" "$tree.log"
}

make_broker() {
  is_there "$broker" && return
  say "building $broker"
  local context
  context=$(mktemp -d)
  cp -r "$(bash "$root/tests/broker/broker.sh" jars)" "$context/libs"
  cp "$root"/tests/broker/{Dockerfile,server.properties,log4j2.xml,entrypoint.sh} "$context/"
  DOCKER_BUILDKIT=1 $docker build --network host --progress plain -t "$broker" "$context" >"$run/build.log" 2>&1 ||
    { tail -n 40 "$run/build.log" >&2; exit 1; }
  rm -rf "$context"
}

stop_engine() {
  local pid
  pid=$(cat "$run/pid" 2>/dev/null) || { say "no engine is running"; return; }
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

case ${1:-} in
  start)
    ((EUID == 0)) || { say "needs root"; exit 1; }
    install_missing
    start_engine
    make_base
    make_broker
    echo "export DOCKER_HOST=$DOCKER_HOST CORDON_DOCKER=$docker"
    ;;
  stop) stop_engine ;;
  *)
    say "usage: docker-engine.sh start | stop"
    exit 2
    ;;
esac
