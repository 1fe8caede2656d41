#!/usr/bin/env bash
# One or three real Apache Kafka brokers (KRaft, combined roles) on free loopback ports, from the jars of pom.xml.
#
#   broker.sh jars                                        resolves the jars once, prints their folder
#   broker.sh start --dir DIR [--nodes 1|3] [--set K=V]…  starts, waits until every broker serves, returns
#   broker.sh stop  --dir DIR                             stops what `start` left running, removes DIR
#   broker.sh run   --dir DIR [--nodes 1|3] [--set K=V]…  starts and stays until stdin closes, then stops and removes DIR
#
# `--relay PORT` (one node only) adds a second listener for clients, which the broker advertises as 127.0.0.1:PORT:
# whoever listens there can come between. The listener's own port is in DIR/relayed.
#
# `--listener NAME` (one node only) adds a listener for clients, `--scram USER=PASSWORD` a user of SCRAM-SHA-512; what the
# listener needs beside that is given by `--set`. Its port is in DIR/listener-NAME.
#
# DIR holds `bootstrap`, one `N/pid` and `N/log` a node, and the data; it must be outside of a checkout. `run` prints
# `READY HOST:PORT,… PID…` and then obeys lines on stdin: `kill N` (SIGKILL), `start N…`; it answers `KILLED N`,
# `STARTED N PID` for each. Whoever starts `run` holds its stdin: if that process dies, however it dies, the brokers go too.
# Needs a JDK of 17 or later and, the first time, Maven. Jars are kept in ${XDG_CACHE_HOME:-~/.cache}/cordon.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ready_within=90 # seconds; a node needs 2 to 6 on two idle cores

fail() {
  echo "broker.sh: $*" >&2
  exit 1
}

# --- jars -----------------------------------------------------------------------------------------------------------

jars() {
  local version cache libs
  version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/cordon
  libs=$cache/kafka-$version-$(sha256sum "$here/pom.xml" | cut -c1-8)
  if [[ ! -d $libs ]]; then
    command -v mvn >/dev/null || fail "Maven (mvn) is not installed, and $libs is not there yet"
    mkdir -p "$cache"
    # Only a complete folder gets the final name; of several processes at once, one resolves and the others wait.
    exec 9>"$cache/lock"
    flock 9
    if [[ ! -d $libs ]]; then
      local half=$libs.half
      rm -rf "$half"
      mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$half" >&2 ||
        fail "Maven could not resolve the broker's jars"
      mv -T "$half" "$libs"
    fi
    exec 9>&-
  fi
  echo "$libs"
}

# --- nodes ----------------------------------------------------------------------------------------------------------

# A port below the range that the kernel hands out for outgoing connections, and that nobody listens on.
free_port() {
  local port
  while true; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# Writes the properties of every node and formats its storage.
prepare() {
  local node id name port user voters="" bootstrap="" factor=$nodes in_sync=1 ports=() controllers=() relayed="" more="" scram=()
  ((nodes < 3)) || in_sync=2
  for node in $(seq "$nodes"); do
    ports[node]=$(free_port)
    controllers[node]=$(free_port)
    voters+=${voters:+,}$node@127.0.0.1:${controllers[node]}
    bootstrap+=${bootstrap:+,}127.0.0.1:${ports[node]}
  done
  if [[ -n $relay ]]; then
    relayed=$(free_port)
    echo "$relayed" >"$dir/relayed"
  fi
  for name in ${listeners[@]+"${listeners[@]}"}; do
    port=$(free_port)
    echo "$port" >"$dir/listener-$name"
    more+=,$name://127.0.0.1:$port
  done
  for user in ${users[@]+"${users[@]}"}; do
    scram+=(--add-scram "SCRAM-SHA-512=[name=${user%%=*},password=${user#*=}]")
  done
  id=$(java "${small[@]}" -cp "$libs/*" kafka.tools.StorageTool random-uuid)
  for node in $(seq "$nodes"); do
    rm -rf "${dir:?}/$node"
    mkdir -p "$dir/$node"
    {
      cat "$here/server.properties"
      echo "node.id=$node"
      echo "controller.quorum.voters=$voters"
      echo "listeners=PLAINTEXT://127.0.0.1:${ports[node]},CONTROLLER://127.0.0.1:${controllers[node]}${relayed:+,RELAYED://127.0.0.1:$relayed}$more"
      echo "advertised.listeners=PLAINTEXT://127.0.0.1:${ports[node]}${relay:+,RELAYED://127.0.0.1:$relay}$more"
      echo "log.dirs=$dir/$node/data"
      for setting in default.replication.factor offsets.topic.replication.factor \
        transaction.state.log.replication.factor share.coordinator.state.topic.replication.factor; do
        echo "$setting=$factor"
      done
      for setting in min.insync.replicas transaction.state.log.min.isr share.coordinator.state.topic.min.isr; do
        echo "$setting=$in_sync"
      done
      printf '%s\n' ${settings[@]+"${settings[@]}"}
    } >"$dir/$node/server.properties"
  done
  for node in $(seq "$nodes"); do
    java "${small[@]}" -cp "$libs/*" kafka.tools.StorageTool format -t "$id" -c "$dir/$node/server.properties" \
      ${scram[@]+"${scram[@]}"} >"$dir/$node/format.log" 2>&1 || fail "format of node $node failed: $(cat "$dir/$node/format.log")"
  done
  echo "$bootstrap" >"$dir/bootstrap"
}

small=(-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData)

launch() { # NODE
  local heap=512m
  ((nodes < 3)) || heap=384m
  : >"$dir/$1/log"
  # `die_with_us` asks the kernel to end the JVM when this shell is killed; `start` leaves it empty.
  "${die_with_us[@]}" java -Xms128m -Xmx$heap -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
    "-Dlog4j2.configurationFile=$here/log4j2.xml" -cp "$libs/*" kafka.Kafka "$dir/$1/server.properties" \
    >>"$dir/$1/log" 2>&1 </dev/null &
  echo $! >"$dir/$1/pid"
}

alive() { kill -0 "$(cat "$dir/$1/pid")" 2>/dev/null; }

# "Kafka Server started" is logged after the broker was unfenced, that is, once clients find it in the metadata.
serves() { grep -q 'Kafka Server started' "$dir/$1/log"; }

await() { # NODE…; 1 if one of them ended or is late
  local node deadline=$((SECONDS + ready_within))
  for node in "$@"; do
    until serves "$node"; do
      alive "$node" || return 1
      ((SECONDS < deadline)) || return 1
      sleep 0.1
    done
  done
}

kill_node() { # NODE
  local pid
  pid=$(cat "$dir/$1/pid")
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

kill_all() {
  local pid
  for pid in "$dir"/*/pid; do
    [[ ! -e $pid ]] || kill_node "$(basename "$(dirname "$pid")")"
  done
}

# Another process may take a chosen port before the broker does; then everything is chosen anew.
bring_up() {
  local node try
  mkdir -p "$dir"
  for try in 1 2 3; do
    prepare
    for node in $(seq "$nodes"); do launch "$node"; done
    if await $(seq "$nodes"); then return; fi
    kill_all
    grep -qs 'Address already in use' "$dir"/*/log || break
    echo "broker.sh: a port was taken meanwhile (try $try)" >&2
  done
  tail -n 40 "$dir"/*/log >&2
  fail "the broker did not start within ${ready_within} s; its log is above"
}

pids() { for node in $(seq "$nodes"); do printf ' %s' "$(cat "$dir/$node/pid")"; done; }

tear_down() {
  trap - EXIT
  kill_all
  rm -rf "${dir:?}"
}

obey() {
  local verb node some
  while read -r verb some; do
    for node in ${some:-none}; do [[ -d $dir/$node ]] || fail "no such node: '$verb $node'"; done
    case $verb in
      kill) for node in $some; do kill_node "$node" && echo "KILLED $node"; done ;;
      start)
        # All first: of three that are down, none serves before there is a quorum.
        for node in $some; do launch "$node"; done
        await $some || fail "nodes $some did not come back: $(for node in $some; do tail -n 20 "$dir/$node/log"; done)"
        for node in $some; do echo "STARTED $node $(cat "$dir/$node/pid")"; done
        ;;
      *) fail "unknown command '$verb'" ;;
    esac
  done
}

# --- command line ---------------------------------------------------------------------------------------------------

verb=${1:-}
shift || true
nodes=1 dir="" relay="" settings=() listeners=() users=() die_with_us=()
while (($#)); do
  case $1 in
    --nodes) nodes=$2 ;;
    --dir) dir=$2 ;;
    --set) settings+=("$2") ;;
    --relay) relay=$2 ;;
    --listener) listeners+=("$2") ;;
    --scram) users+=("$2") ;;
    *) fail "unknown argument '$1'" ;;
  esac
  shift 2
done
[[ $nodes == 1 || $nodes == 3 ]] || fail "--nodes is 1 or 3"
[[ -z $relay || $nodes == 1 ]] || fail "--relay is for one node"
((${#listeners[@]} == 0 || nodes == 1)) || fail "--listener is for one node"

case $verb in
  jars) jars ;;
  start)
    [[ -n $dir ]] || fail "start needs --dir"
    libs=$(jars)
    bring_up
    cat "$dir/bootstrap"
    ;;
  stop)
    [[ -f $dir/bootstrap ]] || fail "no broker was started with --dir '$dir'"
    tear_down
    ;;
  run)
    [[ -n $dir ]] || fail "run needs --dir"
    libs=$(jars)
    if command -v setpriv >/dev/null && setpriv --pdeathsig KILL true 2>/dev/null; then
      die_with_us=(setpriv --pdeathsig KILL)
    fi
    trap tear_down EXIT
    trap 'exit 143' TERM INT HUP
    bring_up
    echo "READY $(cat "$dir/bootstrap")$(pids)"
    obey
    ;;
  *) fail "usage: broker.sh jars | start | stop | run (see its first lines)" ;;
esac
