#!/bin/sh
# Makes the roles when the container's database is first begun.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --command "CREATE EXTENSION vector"
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set app_password="$APP_PASSWORD" --set read_password="$READ_PASSWORD" --file /roles.sql
