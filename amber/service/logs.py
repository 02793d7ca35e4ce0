"""What happens, as one JSON object a line on stderr: an event's name, and what is known of it."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO, Any

#: Everything that the service and its workers say goes through here.
LOGGER = logging.getLogger("amber.service")


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        document: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            document["traceback"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False, default=str)


def log(
    event: str, *, level: int = logging.INFO, error: BaseException | None = None, **fields: object
) -> None:
    """Say that something happened."""
    LOGGER.log(level, event, extra={"fields": fields}, exc_info=error)


def log_to(stream: IO[str] | None = None, level: int = logging.INFO) -> None:
    """Write the lines to a stream, stderr unless given; also what libraries of the server warn of."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("amber.service", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level if name == "amber.service" else logging.WARNING)
