#!/usr/bin/env bash
# Images for docker-compose.yml where no registry of images can be reached. Prints the variables that name them:
#   eval "$(deploy/ci/stand-ins/build.sh)" && make platform
# Needs a Docker engine, debootstrap and root. Grafana has no stand-in: WITHOUT=grafana leaves it out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."
here=deploy/ci/stand-ins
base=firebreak-stand-in/python:trixie
python="${PYTHON:-.venv/bin/python}"
docker image inspect "$base" > /dev/null 2>&1 || bash "$here/base.sh" "$base" >&2
context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT
cp "$here"/* "$context"
PYTHONPATH=tests "$python" - "$context" <<'PYTHON' >&2
import shutil
import sys
from pathlib import Path

from support.jars import jars
from support.registry import unpacked

into = Path(sys.argv[1])
shutil.copytree(jars(), into / "kafka-jars")
shutil.copytree(unpacked(), into / "registry")
PYTHON
for part in kafka registry redis prometheus alertmanager; do
  DOCKER_BUILDKIT=0 docker build --quiet --build-arg "BASE=$base" --target "$part" \
    --tag "firebreak-stand-in/$part" "$context" >&2
  echo "export ${part^^}_IMAGE=firebreak-stand-in/$part"
done
echo "export PYTHON_IMAGE=$base"
echo "export WITHOUT=grafana"
