# Debian's rsyslog, which compose.yaml builds: it speaks RELP, and reads the configuration that is mounted.
ARG DEBIAN=debian:bookworm-slim
FROM ${DEBIAN}
RUN apt-get update \
 && apt-get install -y --no-install-recommends rsyslog rsyslog-relp \
 && apt-get clean \
 && rm -rf /var/lib/apt/lists/*
# Without a file of its process: after a restart that would name itself, and it would not start.
CMD ["rsyslogd", "-n", "-i", "NONE"]
