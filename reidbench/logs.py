"""Log lines without control characters."""

from __future__ import annotations

import logging

from reidbench.errors import make_printable


class PrintableFormatter(logging.Formatter):
    """Formats log records; control characters in messages and tracebacks are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return make_printable(super().format(record))
