#!/bin/sh
# Formats the storage and runs a broker whose settings are the variables KAFKA_*: KAFKA_NODE_ID is node.id.
set -eu
settings=/tmp/server.properties
env | sed -n 's/^KAFKA_\([A-Z_]*=\)/\1/p' | while IFS= read -r line; do
    printf '%s=%s\n' "$(echo "${line%%=*}" | tr 'A-Z_' 'a-z.')" "${line#*=}"
done >$settings
libs='/opt/kafka/libs/*'
# The cluster of apache/kafka's image, which nobody has to choose.
java -cp "$libs" kafka.tools.StorageTool format --ignore-formatted -t 5L6g3nShT-eMCtK--X86sw -c $settings
exec java -Xmx512m -cp "$libs" kafka.Kafka $settings
