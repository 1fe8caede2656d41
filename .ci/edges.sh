#!/usr/bin/env bash
# Dependencies that must not be there. Reads the resolved graph; compiles nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bad=0

# Names of everything that a package needs at run time or to be built, on Linux with all features.
needs() { cargo tree --locked -q -p "$1" -e normal,build --all-features --prefix none --format '{p}' | cut -d' ' -f1 | sort -u; }

forbid() { # PACKAGE NAME…
  local package=$1 name tree
  shift
  tree=$(needs "$package")
  for name in "$@"; do
    if grep -qx -- "$name" <<<"$tree"; then
      echo "forbidden: $package depends on $name" >&2
      cargo tree --locked -q -p "$package" -e normal,build --all-features -i "$name" >&2 || true
      bad=1
    fi
  done
}

stages=(cordon-ingest cordon-enrich cordon-act cordon-notify)
top=(cordon-cli cordon-tests)

# The pure crates stay pure.
for package in cordon-records cordon-policy cordon-settings cordon-signing cordon-response; do
  forbid "$package" tokio rdkafka rdkafka-sys reqwest
done
forbid cordon-response cordon-runtime cordon-defender
# What speaks with Microsoft, or plays Microsoft, knows nothing of Kafka.
for package in cordon-defender cordon-simulator; do
  forbid "$package" rdkafka rdkafka-sys cordon-runtime
done
# The frame of the stages knows no stage and no Microsoft.
forbid cordon-runtime cordon-defender cordon-policy cordon-response cordon-simulator "${stages[@]}" "${top[@]}"
# How tests wait is no stage's business.
for package in cordon-runtime cordon-defender cordon-backtest cordon-cli "${stages[@]}"; do forbid "$package" cordon-wait; done
# A stage knows no other stage: they meet on topics.
for stage in "${stages[@]}"; do
  others=()
  for other in "${stages[@]}" "${top[@]}"; do [[ $other == "$stage" ]] || others+=("$other"); done
  forbid "$stage" cordon-simulator "${others[@]}"
done

# What tries rules on what was recorded can act on nothing: it knows no HTTP client, no Microsoft, no stage.
forbid cordon-backtest reqwest cordon-defender cordon-simulator "${stages[@]}" "${top[@]}"

# OpenSSL serves librdkafka only.
if parents=$(cargo tree --locked -q --workspace -e normal,build -i openssl-sys --depth 1 --prefix none --format '{p}' 2>/dev/null); then
  strays=$(cut -d' ' -f1 <<<"$parents" | grep -vxE 'openssl-sys|rdkafka-sys' || true)
  [[ -z $strays ]] || { echo "forbidden: openssl-sys is used by $strays" >&2; bad=1; }
fi
for name in openssl native-tls aws-lc-sys; do
  for package in "${stages[@]}" cordon-backtest "${top[@]}"; do forbid "$package" "$name"; done
done

((bad == 0)) && echo "no forbidden edge"
exit "$bad"
