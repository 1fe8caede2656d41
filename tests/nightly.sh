#!/usr/bin/env bash
# What takes too long for every change: the fault suite, the soak, the benchmarks. One after the other, since each wants
# the machine for itself; at the end one table. Exit 1 when anything failed.
#
#   bash tests/nightly.sh            everything
#   bash tests/nightly.sh crash soak only these, in this order: names of files in tests/tests, soak, latency, decide,
#                                    rest, conditions
#
# CORDON_NIGHTLY_OUT: folder for what each printed (target/nightly). CORDON_SOAK_SEEDS: the soak's seeds (two drawn from
# the date). Wants what the tests want: see README.md.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# A test that cannot run must not pass for one that did.
export CORDON_REQUIRE_KAFKA=1 CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never RUST_BACKTRACE=1
out=${CORDON_NIGHTLY_OUT:-${CARGO_TARGET_DIR:-target}/nightly}
read -r -a seeds <<<"${CORDON_SOAK_SEEDS:-$(date +%Y%m%d) $(date +%d%m%Y)}"
# Longer than the longest of them takes (brokers, 8 to 12 minutes).
limit=1800
rows=()
failed=0
mkdir -p "$out"

# Every file with tests that run on request only; the recorder writes into the repository and is no test of anything.
fault_suite() { grep -lE '^#\[ignore' tests/tests/*.rs | sed -E 's,.*/(.*)\.rs,\1,' | grep -vxE 'soak|recorded'; }

run() { # NAME COMMAND…
  local name=$1 start=$SECONDS status=0 said
  shift
  echo "=== $name"
  timeout "$limit" "$@" >"$out/$name.log" 2>&1 || status=$?
  said=$(grep -hoE '(visible to call|alert returned|50000 decisions|10000 Medium alerts|restart of respond|from the kill).*' "$out/$name.log" | paste -sd '|')
  said=${said:-$(grep -hE '^(test result:|p50|p99|bare|Cordon|kept|EXCEEDED)' "$out/$name.log" | grep -v ' 0 passed' | tail -1)}
  [[ $status == 0 ]] || failed=1
  rows+=("$(printf '%-18s %-8s %5d s  %s' "$name" "$([[ $status == 0 ]] && echo ok || echo "FAILED $status")" $((SECONDS - start)) "$said")")
  echo "${rows[-1]}"
}

run build cargo test --locked --workspace --no-run
((failed == 0)) || { cat "$out/build.log"; exit 1; }
(($# > 0)) || set -- $(fault_suite) soak conditions latency decide rest
for name in "$@"; do
  case $name in
    soak)
      for seed in "${seeds[@]}"; do
        run "soak-$seed" env CORDON_SOAK_SEED="$seed" cargo test --locked --workspace --test soak -- --ignored --nocapture
      done
      ;;
    conditions) run conditions cargo bench --locked -p cordon-policy --bench conditions ;;
    latency | decide | rest)
      run "$name-build" cargo build --locked --release --workspace --bins
      run "$name" cargo bench --locked -p cordon-tests --bench "$name"
      ;;
    *) run "$name" cargo test --locked --workspace --test "$name" -- --ignored --nocapture ;;
  esac
done

echo "=== nightly of $(git rev-parse --short HEAD), $(date -u +%FT%TZ); what each printed is in $out"
printf '%s\n' "${rows[@]}"
exit "$failed"
