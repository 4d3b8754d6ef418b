#!/usr/bin/env bash
# What the tests need beside Python: Java 17 and Maven for a real Kafka, OpenSSL for its certificates, iproute2 and
# nftables for networks that break, Redis, Prometheus and Alertmanager, Node for judges of contracts that are published
# for it only, Chromium for the screens, and Python's own venv.
# On Debian and Ubuntu, as root; does nothing where all of it is there.
set -euo pipefail

declare -A package=(
  [javac]=openjdk-17-jdk-headless
  [java]=openjdk-17-jdk-headless
  [mvn]=maven
  [openssl]=openssl
  [redis-server]=redis-server
  [setpriv]=util-linux
  [make]=make
  [ip]=iproute2
  [nft]=nftables
  [node]=nodejs
  [npm]=npm
  [prometheus]=prometheus
  [promtool]=prometheus
  [prometheus-alertmanager]=prometheus-alertmanager
  [amtool]=prometheus-alertmanager
  [kubectl]=kubernetes-client
  [chromium]=chromium
)

wanted=()
for program in "${!package[@]}"; do
  command -v "$program" > /dev/null || wanted+=("${package[$program]}")
done
python3 -c 'import ensurepip, venv' 2> /dev/null || wanted+=(python3-venv)

if [ "${#wanted[@]}" -eq 0 ]; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
  echo "missing: ${wanted[*]} (Debian's names); install them, or run this as root on Debian or Ubuntu" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# the tests start servers of their own: none need begin at once
RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${wanted[@]}" > /dev/null
