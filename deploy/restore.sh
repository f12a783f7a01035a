#!/bin/sh
# Restore a backup into an empty database: DATABASE_URL=… deploy/restore.sh FILE
# Stop workers, interface and scheduler first; start them again afterwards, and empty the cache.
set -eu
file=${1:?usage: restore.sh FILE}
: "${DATABASE_URL:?set it to an empty database}"
[ -r "$file" ] || { echo "there is no file $file that can be read" >&2; exit 2; }
here=$(dirname "$0")
. "$here/postgres/tools.sh"
tables=$("$PSQL" --no-psqlrc --tuples-only --no-align --dbname "$DATABASE_URL" \
    --command "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [ "$tables" != 0 ]; then
    echo "the database holds $tables tables: restore into an empty one" >&2
    exit 2
fi
# Rights come back where the roles are (deploy/postgres/roles.sql); one login for all needs none.
rights=$("$PSQL" --no-psqlrc --tuples-only --no-align --dbname "$DATABASE_URL" --command \
    "SELECT CASE WHEN to_regrole('enrich_app') IS NULL THEN '--no-privileges' ELSE '' END")
# What only a superuser may do is not the dump's to bring: roles.sql has done it, or nobody needs it.
list=$(mktemp)
trap 'rm -f "$list"' EXIT
"$PG_RESTORE" --list "$file" | grep -v -e ' DEFAULT ACL ' -e ' ACL - SCHEMA ' >"$list"
"$PG_RESTORE" --exit-on-error --single-transaction --no-owner --no-comments $rights \
    --use-list="$list" --dbname "$DATABASE_URL" "$file"
echo "restored $file; now: enrich migrate && enrich doctor && enrich cache clear"
