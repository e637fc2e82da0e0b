#!/bin/sh
# What the official image's entry point does: on the first start make the cluster, the user and the
# database from POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB; then be the command given.
set -eu

if [ "${1:-postgres}" != postgres ]; then exec "$@"; fi
[ $# -eq 0 ] || shift

as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }

mkdir -p "$PGDATA" /var/run/postgresql
chown postgres:postgres "$PGDATA" /var/run/postgresql
chmod 700 "$PGDATA"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    secret=$(mktemp)
    printf '%s' "${POSTGRES_PASSWORD:?must be set}" >"$secret"
    chown postgres "$secret"
    as_postgres initdb --no-sync --username="$user" --pwfile="$secret" \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8
    rm -f "$secret"
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    # The database is made with the network off, so nobody can meet a server that is half set up.
    as_postgres pg_ctl --wait --options="-c listen_addresses=''" start
    database=${POSTGRES_DB:-$user}
    [ "$database" = postgres ] || as_postgres createdb --username="$user" --owner="$user" "$database"
    as_postgres pg_ctl --wait --mode=fast stop
fi

exec setpriv --reuid=postgres --regid=postgres --clear-groups postgres -c listen_addresses='*' "$@"
