#!/usr/bin/env bash
# The image as users get it, on one Docker network: Kafka, a simulated tenant, and the four stages as containers. One High
# alert must end as exactly one isolate request at the tenant, and as a mail.
#
# Needs an engine with the local images (`eval "$(.ci/docker-engine.sh start)"`). Takes the binaries that the tests use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker=${CORDON_DOCKER:-docker}
broker=cordon-test/kafka:$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' tests/broker/pom.xml)
image=cordon:smoke
name=cordon-smoke-$$
work=$(mktemp -d)
stages=(ingest enrich act notify)
binaries=(cordon cordon-backtest "${stages[@]/#/cordon-}")
machine=1e5bc9d7e413ddd7902c2932e418702b84d0cc07
within=120

tidy() {
  local status=$?
  if ((status != 0)); then
    for container in $($docker ps -aq --filter "name=$name"); do
      echo "--- $($docker inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}}' "$container")"
      $docker logs --tail 40 "$container" 2>&1
    done
  fi
  $docker ps -aq --filter "name=$name" | xargs -r "$docker" rm -f -v >/dev/null
  $docker network rm "$name" >/dev/null 2>&1
  rm -rf "$work"
  exit "$status"
}
trap tidy EXIT

until_true() { # WHAT COMMAND…
  local what=$1 deadline=$((SECONDS + within))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || { echo "waited ${within} s in vain for: $what" >&2; return 1; }
    sleep 0.25
  done
}

# --- image ----------------------------------------------------------------------------------------------------------

# Not `cargo build`: without the tests' features it would compile the dependencies again.
cargo test -q --locked --workspace --no-run
mkdir "$work/dist"
for binary in "${binaries[@]}"; do
  strip -o "$work/dist/$binary" "${CARGO_TARGET_DIR:-target}/debug/$binary"
  chmod 755 "$work/dist/$binary"
done
# A context of its own, so that neither the checkout nor its target folder is sent. --network host: packages are
# fetched the way this machine fetches them.
DOCKER_BUILDKIT=1 $docker build --network host --progress plain -f deploy/Dockerfile --build-arg BINARIES=prebuilt \
  -t "$image" "$work" >"$work/build.log" 2>&1 || { tail -n 40 "$work/build.log"; exit 1; }
for binary in "${binaries[@]}"; do
  $docker run --rm --network none "$image" "$binary" --version
done

# --- broker and tenant ------------------------------------------------------------------------------------------------

$docker network create "$name" >/dev/null
run() { # SHORT-NAME ARG…
  local short=$1
  shift
  $docker run -d --name "$name-$short" --network "$name" --network-alias "$short" "$@" >/dev/null
}
# As Kubernetes' "restricted" profile would have it.
confined=(--read-only --cap-drop ALL --security-opt no-new-privileges)

run kafka -e ADVERTISED=kafka:9092 "$broker"
kafka_serves() { $docker logs "$name-kafka" 2>&1 | grep -q 'Kafka Server started'; }
until_true "the broker" kafka_serves

run tenant "${confined[@]}" -p 127.0.0.1::8480 "$image" \
  cordon simulator --listen 0.0.0.0:8480 --smtp 0.0.0.0:2525
tenant=http://$($docker port "$name-tenant" 8480 | head -n 1)/sim
until_true "the simulated tenant" curl -fs -o "$work/requests" "$tenant/requests"
told() { $docker logs "$name-tenant" 2>&1 | sed -n "s/^ *$1[:=] *//p"; }

# --- the pipeline -------------------------------------------------------------------------------------------------------

mkdir "$work/etc"
cp deploy/rules/isolate-high.yaml "$work/etc/"
cat >"$work/etc/cordon.yaml" <<YAML
kafka:
  bootstrap_servers: kafka:9092
defender:
  tenant_id: $(told tenant_id)
  client_id: $(told client_id)
  client_secret: env:SMOKE_SECRET
  api_url: http://tenant:8480
  authority_url: http://tenant:8480
  allow_http: true
graph:
  url: http://tenant:8480
ingest:
  poll_interval: 1s
act:
  mode: auto
  rules: [isolate-high.yaml]
  follow_up: 1s
notify:
  graph:
    sender: cordon@smoke.example
    to: [soc@smoke.example]
telemetry:
  listen: 0.0.0.0:9600
YAML
chmod -R a+rX "$work/etc" "$work"
mounted=(-v "$work/etc:/etc/cordon:ro" -e "SMOKE_SECRET=$(told '#.* export CORDON_SIMULATOR_SECRET')")

$docker run --rm --network "$name" "${confined[@]}" "${mounted[@]}" "$image" \
  cordon topics apply --config /etc/cordon/cordon.yaml

# respond refuses to act on a ledger that was never begun; a new installation begins one.
for stage in "${stages[@]}"; do
  extra=()
  [[ $stage != act ]] || extra=(--init-ledger)
  run "$stage" "${confined[@]}" "${mounted[@]}" -p 127.0.0.1::9600 "$image" \
    "cordon-$stage" --config /etc/cordon/cordon.yaml "${extra[@]}"
done
for stage in "${stages[@]}"; do
  until_true "$stage to be ready" curl -fs -o "$work/ready" "http://$($docker port "$name-$stage" 9600 | head -n 1)/readyz"
done

post() { curl -fsS -o "$work/answer" -H 'content-type: application/json' "$tenant/$1" -d "$2"; }
post machines "{\"id\": \"$machine\", \"computerDnsName\": \"lab-01.example\", \"osPlatform\": \"Windows11\"}"
post alerts "{\"machineId\": \"$machine\", \"severity\": \"High\", \"title\": \"Smoke\"}"

isolations() { curl -fsS "$tenant/requests" | grep '"POST"' | grep -c "/machines/$machine/isolate" || true; }
isolated() { (($(isolations) > 0)); }
until_true "an isolate request" isolated
mailed() { curl -fsS "$tenant/mails" | grep -q '"raw"'; }
until_true "a mail" mailed
(($(isolations) == 1)) || { echo "$(isolations) isolate requests instead of one" >&2; exit 1; }

# Asked to end, each stage drains and ends with 0.
for stage in "${stages[@]}"; do
  $docker stop -t 30 "$name-$stage" >/dev/null
  status=$($docker inspect -f '{{.State.ExitCode}}' "$name-$stage")
  ((status == 0)) || { echo "$stage ended with $status" >&2; exit 1; }
done
echo "one alert, one isolation, a mail, four clean ends"
