#!/usr/bin/env bash
# Formats and starts one KRaft node in a container. Clients are told to come back to $ADVERTISED (HOST:PORT).
set -euo pipefail
: "${ADVERTISED:?HOST:PORT under which clients reach this broker}"
properties=/tmp/server.properties
{
  cat /opt/kafka/server.properties
  echo "node.id=1"
  echo "controller.quorum.voters=1@127.0.0.1:9093"
  echo "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093"
  echo "advertised.listeners=PLAINTEXT://$ADVERTISED"
  echo "log.dirs=/tmp/data"
  for setting in default.replication.factor offsets.topic.replication.factor transaction.state.log.replication.factor \
    share.coordinator.state.topic.replication.factor transaction.state.log.min.isr share.coordinator.state.topic.min.isr; do
    echo "$setting=1"
  done
} >"$properties"
jvm=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1)
id=$(java "${jvm[@]}" -cp '/opt/kafka/libs/*' kafka.tools.StorageTool random-uuid)
java "${jvm[@]}" -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format -t "$id" -c "$properties"
exec java -Xms128m -Xmx512m "${jvm[@]}" -Dlog4j2.configurationFile=/opt/kafka/log4j2.xml \
  -cp '/opt/kafka/libs/*' kafka.Kafka "$properties"
