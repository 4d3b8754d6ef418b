#!/bin/bash
# Start Kafka as its published image does: KAFKA_NODE_ID becomes node.id, the folder of the log is formatted once.
set -euo pipefail
properties="$(mktemp)"
env | awk -F= '/^KAFKA_/ {
  name = tolower(substr($1, 7)); gsub("_", ".", name); print name "=" substr($0, length($1) + 2) }' > "$properties"
export CLASSPATH='/opt/kafka/libs/*'
java kafka.tools.StorageTool format --ignore-formatted --cluster-id "$CLUSTER_ID" --config "$properties"
exec java -Xmx512m kafka.Kafka "$properties"
