#!/usr/bin/env bash
# What `make test` does too briefly to find what is rare: each part for minutes, each with a limit of its own.
#
#     tests/soak.sh            all parts, about an hour and a half on two quiet cores
#     tests/soak.sh locks ...  only these
#
# The parts `health`, `cut_off`, `logs`, `retention`, `coverage` and `backfill` want the small stack and its variables, as `make soak` sets them; `whole` starts the whole one
# beside it. All of a part's output is in target/soak/PART.log; a part that fails does not keep the others from running.
set -euo pipefail
self=$(realpath "$0")
cd "$(dirname "$self")/.."

# For how long the repeating parts go on.
repeat_s=${TRADEOPS_SOAK_SECONDS:-180}
cases=${TRADEOPS_SOAK_CASES:-100000}
folder=target/soak
all_parts=(locks parsers stopping health cut_off logs retention coverage backfill whole)

say() { printf 'soak: %s\n' "$*" >&2; }

# The same tests again and again until the time is over; the first failure ends it.
again() { # CARGO ARGUMENTS...
    local end=$((SECONDS + repeat_s)) times=0
    while [[ $SECONDS -lt $end ]]; do
        cargo test --quiet "$@" || return 1
        times=$((times + 1))
    done
    printf '%s rounds\n' "$times"
}

# A hundred processes at one lock, holders killed with -9: two minutes instead of eight seconds.
locks() { TRADEOPS_SOAK=1 cargo test --test lock -- --nocapture; }

# Random pages and histograms, some hundred times as many as usual.
parsers() { PROPTEST_CASES=$cases cargo test --lib prometheus && PROPTEST_CASES=$((cases / 10)) cargo test --lib logs::tests; }

# Signals, deadlines, families of processes: what depends on who is first.
stopping() { again --test stopping --test process; }

# Faults put into the stack and taken out again.
health() { again --test health; }

# A reset killed after every line of its journal; Ctrl-C at many moments of a reset and of a start.
cut_off() {
    export TRADEOPS_KILL_POINTS=all
    cargo test --test reset -- cut_off && cargo test --test startup -- interrupted
}

# Follows through restarts of containers and of an engine, many times, and from a slow reader.
logs() { TRADEOPS_SOAK=1 again --test logs -- follow daemon output; }

# Both versions of QuestDB: ten million rows over twenty years; then the tool killed before and behind each of its requests, some
# thousand points, and the servers at every third.
retention() {
    TRADEOPS_SOAK=1 cargo test --test retention -- large --nocapture --test-threads 1 &&
        TRADEOPS_KILL_POINTS=all cargo test --test retention -- kills --nocapture
}

# A backfill killed at a hundred random instants; four processes at one plan, two of them killed.
backfill() { TRADEOPS_SOAK=1 cargo test --test backfill -- kills workers --nocapture --test-threads 1; }

# Both versions of QuestDB: twenty years of 500 symbols, two and a half million rows, with gaps of every class.
coverage() { TRADEOPS_SOAK=1 cargo test --test coverage -- large --nocapture --test-threads 1; }

# On the whole stack: each service looked into, as it runs and when it is stopped; starts with something broken.
whole() {
    local stack=tests/stack/stack.sh of=(--prefix w-) status=0 exports
    $stack up "${of[@]}" --offset 20000 --replace --interval 2s || return 1
    exports=$($stack env "${of[@]}")
    (
        eval "$exports"
        unset TRADEOPS_SERVICES
        for script in each_service broken_starts; do
            cargo run --quiet -- run "tests/whole/$script.rhai" -o json || exit
        done
    ) || status=$?
    $stack down "${of[@]}" --wipe
    return $status
}

# What is still running after this is ended, children and all: twice what it takes when nothing is wrong, and more.
limit_of() {
    case $1 in
        locks) echo 300 ;;
        cut_off) echo 1800 ;;
        whole) echo 900 ;;
        retention) echo 5400 ;;
        coverage) echo 1800 ;;
        backfill) echo 2400 ;;
        parsers) echo $((cases / 100 + 60)) ;;
        *) echo $((repeat_s + 420)) ;;
    esac
}

# Runs within `timeout`, which starts this file again for one part.
if [[ ${1:-} == --part ]]; then
    "$2"
    exit
fi

parts=("$@")
[[ ${#parts[@]} -gt 0 ]] || parts=("${all_parts[@]}")
for part in "${parts[@]}"; do
    if [[ " ${all_parts[*]} " != *" $part "* ]]; then
        say "there is no part '$part': ${all_parts[*]}"
        exit 64
    fi
done

mkdir -p "$folder"
say "building"
cargo test --quiet --workspace --no-run
passed=0 failed=0
for part in "${parts[@]}"; do
    limit=$(limit_of "$part") began=$SECONDS status=0
    say "$part (at most $limit s)"
    timeout --kill-after=10 "$limit" "$self" --part "$part" >"$folder/$part.log" 2>&1 || status=$?
    took=$((SECONDS - began))
    case $status in
        0)
            say "$part: well, $took s"
            passed=$((passed + 1))
            continue
            ;;
        124 | 137) say "$part: did not end within $limit s: $folder/$part.log" ;;
        *) say "$part: failed after $took s: $folder/$part.log" ;;
    esac
    tail -n 30 "$folder/$part.log" >&2
    failed=$((failed + 1))
done
printf '%s passed, %s failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
