"""Structured logs: one JSON object a line on stderr, redacted, never waited for.

A reader of our stderr that stops reading must not stop the product: lines go through a bounded
queue to a thread, and what does not fit is dropped and counted.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import MutableMapping
from typing import Any, TextIO

from opengateway.kit.json import dumps
from opengateway.kit.redact import redact

# structlog loads rich, where it is installed, for a console that nobody of us uses: 40 ms of each
# process's start and 3 MB of its memory.
_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]
import structlog

if _rich is None:
    del sys.modules["rich"]
else:
    sys.modules["rich"] = _rich

_QUEUE_LINES = 10_000


class LineWriter:
    """Writes lines in a thread of its own; `dropped` counts those that found no room."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        self.dropped = 0

    def msg(self, line: str) -> None:
        if self._lines.qsize() >= _QUEUE_LINES:
            self.dropped += 1
        else:
            self._lines.put(line)

    # The names that structlog calls, one a level.
    debug = info = warning = error = critical = exception = log = msg

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line + "\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                self.dropped += 1

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what is queued, for at most `timeout_s`."""
        self._lines.put(None)
        self._thread.join(timeout_s)


def _redacted(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {k: redact(v) if isinstance(v, str) else v for k, v in event.items()}


def _render(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return dumps({k: v if isinstance(v, _PLAIN) else str(v) for k, v in event.items()}).decode()


_PLAIN = (str, int, float, bool, type(None), list, dict)


class _ToStructlog(logging.Handler):
    """Lines of libraries that use the standard library's logging."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        text = record.getMessage()
        if record.exc_info:
            log.log(record.levelno, text, exc_info=record.exc_info)
        else:
            log.log(record.levelno, text)


def configure(
    process: str, *, stream: TextIO | None = None, level: int = logging.INFO
) -> LineWriter:
    """Set up logging for this process. Call once, at its start; close the result at its end."""
    writer = LineWriter(stream or sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            lambda _, __, event: {**event, "process": process},
            _redacted,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(logging.WARNING)
    return writer


def get_logger(name: str) -> Any:
    return structlog.get_logger(component=name)
