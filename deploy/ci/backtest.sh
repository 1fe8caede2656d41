#!/usr/bin/env bash
# Lints, tests and backtests the rules of a rules repository, against a corpus of recorded alerts. Both workflows beside this
# file call it, and so can you: deploy/ci/backtest.sh OLD_RULES OUT
#
#   OLD_RULES  the rules that run now, such as those of the main branch
#   OUT        a folder for comment.md, report.html, rules.xml and backtest.xml
#
# The repository holds rules/, perhaps guards.yaml, and corpus.ndjson.zst (one enriched alert a line), or is told where
# these are: RULES, GUARDS, CORPUS. GATES are flags of `cordon backtest`. The corpus holds what your alerts hold: keep it
# where only those can read it who may read the alerts.
#
# Ends with 0 when every rule is right and every gate holds, and otherwise with the code of what was wrong.
set -uo pipefail

old=${1:?usage: backtest.sh OLD_RULES OUT} out=${2:?usage: backtest.sh OLD_RULES OUT}
rules=${RULES:-rules} guards=${GUARDS:-guards.yaml} corpus=${CORPUS:-corpus.ndjson.zst}
read -ra gates <<<"${GATES:---max-added isolate=5 --max-total isolate=50 --deny never-list,errors}"
mkdir -p "$out"
# Nothing but the corpus is read, whatever the image is set up for.
unset CORDON_CONFIG

with_guards=()
[[ -e $guards ]] && with_guards=(--guards "$guards")

cordon rules lint "$rules" || exit
cordon rules test "$rules" --junit "$out/rules.xml" || exit

# The same records each time, so that what is compared are the rules.
backtest() {
  cordon backtest --rules "$rules" ${with_guards[@]+"${with_guards[@]}"} --against "$old" --input "$corpus" "${gates[@]}" "$@"
}
backtest -o junit >"$out/backtest.xml"
code=$?
# 0 and 1 are results; anything else has said why there is none.
((code <= 1)) || exit "$code"
backtest -o markdown --report "$out/report.html" >"$out/comment.md"
backtest
