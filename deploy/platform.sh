#!/usr/bin/env bash
# The platform of docker-compose.yml for real: started until healthy, incidents sent through, taken down again.
# Images can be replaced by variables (KAFKA_IMAGE, PYTHON_IMAGE ...), see docker-compose.yml, and parts left out
# (WITHOUT=grafana). deploy/ci/stand-ins/build.sh makes images where no registry of images can be reached.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! docker info > /dev/null 2>&1 || ! docker compose version > /dev/null 2>&1; then
  echo "this needs a running Docker engine and its compose plugin; neither is made here" >&2
  exit 2
fi
export COMPOSE_PROJECT_NAME="firebreak-platform-$$"
trap 'docker compose down --volumes --timeout 30' EXIT

mapfile -t parts < <(docker compose config --services | grep --invert-match --line-regexp "${WITHOUT:-none}")
docker compose up --build --wait --wait-timeout 600 "${parts[@]}"

# one assault in Croydon, an hour ago, as a row of the plain profile
at="$(date --utc --date '1 hour ago' +%Y-%m-%dT%H:%M:%SZ)"
{
  echo "source,source_ref,revision,occurred_at,area_code,category,scheme"
  echo "platform.check,1,1,$at,E09000008,violence_injury,firebreak"
} | docker compose exec --no-TTY enrich sh -c 'cat > /tmp/incident.csv'
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
