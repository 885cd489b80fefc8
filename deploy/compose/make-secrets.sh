#!/usr/bin/env bash
# Makes the secrets of deploy/compose.yaml, once each: what exists stays. Give it the command that runs linktide
# (default: `linktide` if it is installed, else the image) to make the SQL user of Grafana.
set -euo pipefail
folder="${SECRETS_FOLDER:-$(dirname "$0")/secrets}"
umask 077
mkdir -p "$folder"
folder="$(cd "$folder" && pwd)"

if [ "$#" -gt 0 ]; then linktide=("$@")
elif command -v linktide >/dev/null; then linktide=(linktide)
else
    linktide=(docker run --rm --interactive --network none --user "$(id -u):$(id -g)"
              --volume "$folder:$folder" --workdir "$folder" linktide:latest)
fi

for name in http_token grafana_sql grafana_admin; do
    [ -e "$folder/$name" ] || openssl rand -hex 32 > "$folder/$name"
done
if [ ! -e "$folder/tls_key" ]; then
    # For this machine and the containers beside it. Put a certificate of your own here for anybody else.
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj /CN=linktide \
        -addext subjectAltName=DNS:linktide,DNS:localhost,IP:127.0.0.1 \
        -keyout "$folder/tls_key" -out "$folder/tls_certificate" 2>/dev/null
fi
if [ ! -e "$folder/sql_users" ]; then
    "${linktide[@]}" sql-user grafana --database "$folder/none.duckdb" --set "sql.users_file=$folder/sql_users" \
        < "$folder/grafana_sql" >/dev/null
fi
# Users of containers must be able to read what is mounted; on this machine the folder keeps others out.
chmod 0444 "$folder"/*
echo "Secrets are in $folder."
