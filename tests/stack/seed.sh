#!/usr/bin/env bash
# Put the tables and a month of made-up rows into QuestDB, and a watchlist into Redis. Idempotent.
# `seed.sh PREFIX QUESTDB_PORT`
set -euo pipefail
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

prefix=$1 questdb=http://127.0.0.1:$2/exec

sql() { curl --silent --show-error --fail-with-body --max-time 30 --get --data-urlencode "query=$1" "$questdb"; }

run_file() { # one statement a line
    local statement
    while IFS= read -r statement; do
        sql "${statement//@START@/$start}" >/dev/null || die "QuestDB refused: $statement"
    done <"$1"
}

running() { docker ps --quiet --filter "name=^/${prefix}trading-$1\$" | grep -q .; }

if running questdb; then
    start=$(date -u -d '30 days ago' +%Y-%m-%dT%H:%M:%S.000000Z)
    run_file "$stack_dir/seed/questdb-tables.sql"
    if [[ $(sql 'SELECT count() FROM trading_analytics') == *'"dataset":[[0]]'* ]]; then
        say "seeding QuestDB with a month of rows"
        run_file "$stack_dir/seed/questdb-rows.sql"
    fi
fi

# Its streams write each half minute: until they have found their tables the newest rows are hours old.
if running questdb && running data-ingestion; then
    for ((left = 45; left > 0; left--)); do
        [[ $(sql "SELECT count() FROM social_signals WHERE source = 'stream' AND ts > dateadd('m', -1, now())") == *'"dataset":[[0]]'* ]] || break
        sleep 1
    done
fi

if running redis; then
    docker exec "${prefix}trading-redis" redis-cli sadd watchlist \
        AAPL MSFT TSLA NVDA SPY AMZN GOOGL META >/dev/null
fi
