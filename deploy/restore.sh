#!/bin/sh
# Restore a backup into an empty database: DATABASE_URL=… deploy/restore.sh FILE
# Stop workers, interface and scheduler first; start them again afterwards, and empty the cache.
set -eu
file=${1:?usage: restore.sh FILE}
: "${DATABASE_URL:?set it to an empty database}"
tables=$("${PSQL:-psql}" --no-psqlrc --tuples-only --no-align --dbname "$DATABASE_URL" \
    --command "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [ "$tables" != 0 ]; then
    echo "the database holds $tables tables: restore into an empty one" >&2
    exit 2
fi
"${PG_RESTORE:-pg_restore}" --exit-on-error --single-transaction --no-owner --no-privileges \
    --dbname "$DATABASE_URL" "$file"
echo "restored $file; now: enrich migrate && enrich doctor && enrich cache clear"
