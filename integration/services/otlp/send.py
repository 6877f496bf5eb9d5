"""Sends log records by OpenTelemetry's own exporter: send.py ENDPOINT COUNT [gzip|none]."""
import logging
import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

endpoint, count, compression = sys.argv[1], int(sys.argv[2]), sys.argv[3]
provider = LoggerProvider(resource=Resource.create({"service.name": "shop", "host.name": "h1"}))
exporter = OTLPLogExporter(endpoint=endpoint, compression=Compression(compression))
provider.add_log_record_processor(BatchLogRecordProcessor(exporter, max_export_batch_size=64))
logger = logging.getLogger("checkout")
logger.setLevel(logging.INFO)
logger.propagate = False
logger.addHandler(LoggingHandler(logger_provider=provider))
for number in range(count):
    logger.info("payment %d from 192.0.2.%d refused", number, number % 250, extra={"order": number})
flushed = provider.force_flush()
provider.shutdown()
sys.exit(0 if flushed else 1)
