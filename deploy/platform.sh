#!/usr/bin/env bash
# The platform of docker-compose.yml for real: started until healthy, incidents sent through, taken down again.
# Images can be replaced by variables (KAFKA_IMAGE, PYTHON_IMAGE ...), see docker-compose.yml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! docker info > /dev/null 2>&1 || ! docker compose version > /dev/null 2>&1; then
  echo "this needs a running Docker engine and its compose plugin; neither is made here" >&2
  exit 2
fi
export COMPOSE_PROJECT_NAME="firebreak-platform-$$"
work="$(mktemp -d)"
trap 'docker compose down --volumes --timeout 30; rm -rf "$work"' EXIT

docker compose up --build --wait --wait-timeout 600

# one assault in Croydon, an hour ago, as a row of the plain profile
at="$(date --utc --date '1 hour ago' +%Y-%m-%dT%H:%M:%SZ)"
{
  echo "source,source_ref,revision,occurred_at,area_code,category,scheme"
  echo "platform.check,1,1,$at,E09000008,violence_injury,firebreak"
} > "$work/incident.csv"
docker compose cp "$work/incident.csv" enrich:/tmp/incident.csv
docker compose exec --no-TTY enrich firebreak ingest /tmp/incident.csv --profile csv

for _ in $(seq 1 60); do
  found="$(docker compose exec --no-TTY observer python -c \
    'import urllib.request as r; print(r.urlopen("http://127.0.0.1:9464/metrics").read().decode())' |
    grep 'firebreak_area_incidents{area="E09000008",group="street_violence"' || true)"
  case "$found" in *" 1.0") echo "ok: an incident went through all three stages" && exit 0 ;; esac
  sleep 2
done
echo "the incident was not counted within two minutes; see docker compose logs" >&2
exit 1
