#!/bin/sh
# Back up the database into one file: DATABASE_URL=… deploy/backup.sh FOLDER
# Nothing else has to be saved but the keyring, which belongs elsewhere: queue and cache may be lost.
set -eu
folder=${1:?usage: backup.sh FOLDER}
: "${DATABASE_URL:?set it to the database (that of the embedded server: eval \"\$(enrich env)\")}"
here=$(dirname "$0")
. "$here/postgres/tools.sh"
umask 077
mkdir -p "$folder"
name="$folder/enrich-$(date -u +%Y%m%dT%H%M%SZ).dump"
# Whole or not at all: a dump that was cut off never has its final name, and does not stay.
trap 'rm -f "$name.part"' EXIT
trap 'exit 130' INT TERM
# The wall between tenants stands before an owner too, unless he says that he wants all of them.
PGOPTIONS="${PGOPTIONS:-} -c enrich.all_tenants=on" "$PG_DUMP" --enable-row-security \
    --format=custom --no-owner --file="$name.part" "$DATABASE_URL"
"$PG_RESTORE" --list "$name.part" >/dev/null
mv "$name.part" "$name"
echo "$name"
