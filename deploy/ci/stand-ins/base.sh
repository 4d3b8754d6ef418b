#!/usr/bin/env bash
# A base image from Debian's own packages, under the tag that deploy/Dockerfile names: base.sh TAG
# Needs debootstrap, root and a Docker engine. Certificates that this machine trusts are trusted inside too.
set -euo pipefail
tag="$1"
root="$(mktemp -d)"
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python-is-python3 \
  trixie "$root" > /dev/null
cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2> /dev/null || true
chroot "$root" update-ca-certificates > /dev/null 2>&1
tar --directory "$root" --exclude='./var/cache/apt/archives/*.deb' --create . | docker import \
  --change 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt' \
  --change 'CMD ["/bin/sh"]' - "$tag"
