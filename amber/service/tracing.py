"""Traces by OpenTelemetry, where it is installed (`amber[telemetry]`) and `OTEL_EXPORTER_OTLP_ENDPOINT` says where to send them."""

import os
import time
from functools import cache
from typing import Any

from amber.errors import ConfigurationError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@cache
def _tracer() -> Any:
    """The tracer of this process; None where nobody wants traces.

    Raises:
        ConfigurationError: Somebody does, and the libraries are not installed.
    """
    if not (os.environ.get(ENDPOINT) or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")):
        return None
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ConfigurationError(
            f"{ENDPOINT} is set, and OpenTelemetry is not installed: pip install 'amber[telemetry]'"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "amber"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return trace.get_tracer("amber")


def start() -> None:
    """See whether traces are wanted and can be sent; raises as `_tracer`."""
    _tracer()


def span(name: str, seconds: float, **attributes: str | int | float) -> None:
    """Tell of something that ended just now and took so long."""
    tracer = _tracer()
    if tracer is None:
        return
    end = time.time_ns()
    told = {f"amber.{key}": value for key, value in attributes.items()}
    tracer.start_span(name, start_time=end - int(seconds * 1e9), attributes=told).end(end_time=end)
