#!/bin/sh
# Back up the database into one file: DATABASE_URL=… deploy/backup.sh FOLDER
# Nothing else has to be saved but the keyring, which belongs elsewhere: queue and cache may be lost.
set -eu
folder=${1:?usage: backup.sh FOLDER}
: "${DATABASE_URL:?set it to the database}"
umask 077
mkdir -p "$folder"
name="$folder/enrich-$(date -u +%Y%m%dT%H%M%SZ).dump"
# Whole or not at all: a dump that was cut off never has its final name.
# The wall between tenants stands before an owner too, unless he says that he wants all of them.
PGOPTIONS="${PGOPTIONS:-} -c enrich.all_tenants=on" "${PG_DUMP:-pg_dump}" --enable-row-security \
    --format=custom --no-owner --no-privileges --file="$name.part" "$DATABASE_URL"
"${PG_RESTORE:-pg_restore}" --list "$name.part" >/dev/null
mv "$name.part" "$name"
echo "$name"
