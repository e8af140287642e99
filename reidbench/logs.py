"""Log lines without control characters."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from pathlib import Path

from reidbench.errors import WriteError, make_printable


class PrintableFormatter(logging.Formatter):
    """Formats log records; control characters in messages and tracebacks are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return make_printable(super().format(record))


class LogFile(logging.FileHandler):
    """Appends log lines to a file; a line that cannot be written, as on a full disk, raises a WriteError."""

    def __init__(self, path: Path) -> None:
        """Open the file, and create its folder.

        Raises:
            WriteError: the file cannot be opened.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            super().__init__(path, encoding="utf-8")
        except OSError as error:
            raise WriteError(path, error) from error
        self.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name of the base class
        """Raise a WriteError if the last line could not be written."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            raise WriteError(self.path, error) from error
        super().handleError(record)

    def close(self) -> None:
        """Close the file; what could not be written has raised an error before."""
        with suppress(OSError):
            super().close()
