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
# Rights come back with the tables, also those that were taken from everybody: a role that is not
# here would undo the whole, so it is asked for first. RESTORE_RIGHTS=no leaves all rights out.
rights=
if [ "${RESTORE_RIGHTS:-yes}" = no ]; then
    rights=--no-privileges
else
    for role in $("$PG_RESTORE" --schema-only --file=- "$file" |
        sed -n 's/^GRANT .* TO "\{0,1\}\([^";]*\)"\{0,1\};$/\1/p' | sort -u); do
        [ "$role" != PUBLIC ] || continue
        known=$("$PSQL" --no-psqlrc --tuples-only --no-align --dbname "$DATABASE_URL" \
            --command "SELECT count(*) FROM pg_roles WHERE rolname = '$role'")
        [ "$known" = 1 ] || {
            echo "the backup gives rights to the role $role, which is not here: make it" \
                "(deploy/postgres/roles.sql), or restore without rights: RESTORE_RIGHTS=no" >&2
            exit 2
        }
    done
fi
# What only a superuser may do is not the dump's to bring: roles.sql has done it, or nobody needs it.
list=$(mktemp)
trap 'rm -f "$list"' EXIT
"$PG_RESTORE" --list "$file" | grep -v -e ' DEFAULT ACL ' -e ' ACL - SCHEMA ' >"$list"
"$PG_RESTORE" --exit-on-error --single-transaction --no-owner --no-comments $rights \
    --use-list="$list" --dbname "$DATABASE_URL" "$file"
echo "restored $file; now: enrich migrate && enrich doctor && enrich cache clear"
