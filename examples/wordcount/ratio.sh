#!/usr/bin/env bash
# By how much two workers count faster than one, and than one thread of one process: the medians of
# five runs, taken in turn. Run it on a quiet machine that has two CPUs.
#
#     examples/wordcount/ratio.sh [DIR]
#
# DIR should have 200 MB of text; without it, it is all the crates that cargo has ever unpacked.
set -eu -o pipefail

RUNS=5

dir=$(realpath "${1:-${CARGO_HOME:-$HOME/.cargo}/registry/src}")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build -q --release --locked --example wordcount
wordcount=${CARGO_TARGET_DIR:-target}/release/examples/wordcount

# The value of a row of the table that a run has printed.
row() { sed -n "s/^$1  *\([0-9.,]*\).*/\1/p"; }
median() { sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'; }

times=("" "" "") alone=""

for _ in $(seq "$RUNS"); do
    for workers in 1 2; do
        table=$("$wordcount" "$dir" --workers "$workers" --top 0 2>/dev/null)
        times[workers]+=$(row time <<<"$table")$'\n'
        alone+=$(row 'one thread' <<<"$table")$'\n'
    done
done
one=$(printf %s "${times[1]}" | median)
two=$(printf %s "${times[2]}" | median)
printf '%s bytes; one thread %s s, 1 worker %s s, 2 workers %s s\n' \
    "$(row bytes <<<"$table")" "$(printf %s "$alone" | median)" "$one" "$two"
awk "BEGIN { printf \"2 workers are %.2f times as fast as 1\\n\", $one / $two }"
