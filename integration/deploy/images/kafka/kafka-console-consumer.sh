#!/bin/sh
# As Kafka's script of this name.
exec java -Xmx256m -cp '/opt/kafka/libs/*' org.apache.kafka.tools.consumer.ConsoleConsumer "$@"
