#!/bin/bash
# kafka-broker-api-versions.sh --bootstrap-server HOST:PORT, as far as a health check needs it
set -eu
address="$2"
exec 3<> "/dev/tcp/${address%:*}/${address#*:}"
