"""The errors of reidbench and the exit code of each.

    ReidbenchError                      exit 2
    ├── UnknownNameError                an unknown method, protocol, dataset or preset
    ├── ConfigError                     a setting that does not exist or is out of range
    │   └── MissingFactError            an audit needs a fact that the dataset does not have
    ├── ProtocolError                   an invalid protocol file
    ├── DatasetError                    a dataset folder that does not have the layout
    │   ├── DatasetNotFoundError        a missing dataset folder
    │   └── FrameError                  a frame that cannot be read
    ├── WeightsError                    missing or incompatible pretrained weights
    ├── CheckpointError                 a damaged checkpoint, or one of another configuration
    ├── RecordError                     a file that is not a readable record
    ├── FeatureError                    features or labels that cannot be evaluated
    ├── CacheError                      a damaged or unusable cache
    ├── WriteError                      a file that cannot be written
    └── PluginError                     a plugin failed or returned invalid values; exit 3

A message is one line: what failed, where, the value received, and what to do. `quote` writes a value received from
outside, `describe_error` the reason that a library gave, and `make_printable` every text that leaves the program.
"""

from __future__ import annotations

import difflib
import os
import re
import reprlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

MAX_QUOTE = 80
"""Maximum number of characters of a value in a message."""
MAX_REASON = 240
"""Maximum number of characters of the message of a library in a message."""

# Longer numbers are not written in digits: Python refuses to convert them above 4,300 digits.
_MAX_BITS = 256
# A quotation mark inside a word is an apostrophe. A slash ends a word, so that paths stay.
_LONG_VALUE = re.compile(
    rf"(?<!\w)(['\"])(?:(?!\1)[^\n]){{{MAX_QUOTE + 1},}}\1(?!\w)|[^\s/\\]{{{2 * MAX_QUOTE + 1},}}"
)


class ReidbenchError(Exception):
    """Base of all errors that end a command with one clear message."""

    exit_code: ClassVar[int] = 2

    def __str__(self) -> str:
        """Return the message, without control characters."""
        return make_printable(super().__str__())


class UnknownNameError(ReidbenchError):
    """An unknown name; `name` holds it."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, listed_by: str, hint: str = "") -> None:
        self.name = name
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
        guess = f" Did you mean {', '.join(near)}?" if near else ""
        super().__init__(f"unknown {kind} {quote(name)}.{guess} Run `{listed_by}` to list all{hint}.")


class ConfigError(ReidbenchError):
    """A setting does not exist or has a value that is not allowed."""


class MissingFactError(ConfigError):
    """An audit needs a fact that the dataset does not have, such as masks."""


class ProtocolError(ReidbenchError):
    """A protocol file is invalid or does not fit its dataset."""


class DatasetError(ReidbenchError):
    """A dataset folder does not have the layout of the dataset."""


class DatasetNotFoundError(DatasetError):
    """The folder of a dataset is missing; `path` holds the path that was searched."""

    def __init__(self, dataset: str, path: Path, *, access: str) -> None:
        self.path = path
        super().__init__(
            f"dataset '{dataset}' not found at {path}: set --data-root or REIDBENCH_DATA, "
            f"or try --synthetic. How to obtain it: {access}"
        )


class FrameError(DatasetError):
    """A frame cannot be read; `path` holds the path of the file."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot read frame {path}: {reason}; restore the file from the dataset's archive")


class WeightsError(ReidbenchError):
    """Pretrained weights are missing or incompatible with the network."""


class CheckpointError(ReidbenchError):
    """A checkpoint is damaged or belongs to another configuration."""


class FeatureError(ReidbenchError):
    """Features, labels or distances that cannot be evaluated."""


class RecordError(ReidbenchError):
    """A file is not a record that this release can read."""


class CacheError(ReidbenchError):
    """The cache is damaged or cannot be used."""


class WriteError(ReidbenchError):
    """A file cannot be written; `path` holds its path, `reason` the reason of the operating system."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path = path
        # The text of an HDF5 error has several sentences, with addresses.
        found = re.search(r"errno = ([0-9]+)", str(error))
        number = error.errno or (int(found[1]) if found else 0)
        self.reason = os.strerror(number) if number else describe_error(error)
        super().__init__(
            f"cannot write {path}: {self.reason}; check its permissions and the space on its disk"
        )


class PluginError(ReidbenchError):
    """A plugin failed or returned invalid values."""

    exit_code = 3


def quote(value: Any) -> str:
    """Return a value for a message: on one line, without control characters, and at most 80 characters of it.

    Text is in quotation marks. A longer value ends in "...".
    """
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return f"a number of about {int(value.bit_length() * 0.30103) + 1:,} digits"
    if isinstance(value, (str, bytes)):
        text = repr(value[: MAX_QUOTE + 1])
        return text if len(value) <= MAX_QUOTE and len(text) <= MAX_QUOTE + 3 else _shorten(text, text[-1])
    try:
        text = _REPR.repr(value.item() if hasattr(value, "item") else value)
    # The value may be of any class, and contain numbers that Python does not convert.
    except Exception:  # noqa: BLE001
        text = f"a value of type {type(value).__name__}"
    text = make_printable(" ".join(text.split()))
    return text if len(text) <= MAX_QUOTE else _shorten(text, "")


def describe_error(error: BaseException) -> str:
    """Return the message of an error of a library in one line of limited length; its class if it has no message."""
    text = make_printable(" ".join(str(error).split()) or type(error).__name__)
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 3]}..."


def shorten_quotes(message: str) -> str:
    """Return a message in which quoted values have at most 80 characters, and other words at most 160.

    For messages of libraries, and for values that were not written with `quote`.
    """
    return _LONG_VALUE.sub(lambda match: f"{match[0][: MAX_QUOTE - 3]}...{match[1] or ''}", message)


def make_printable(text: str) -> str:
    """Return a text in which control characters are escaped as in JSON; line breaks and tabs stay.

    These are all characters that Python does not call printable, such as terminal escapes, marks that reverse the
    direction of writing, and halves of surrogate pairs. Spaces of other widths stay. A JSON text keeps its meaning.
    """
    if text.isprintable():
        return text
    return "".join(letter if _is_printable(letter) else _escape(letter) for letter in text)


def _is_printable(letter: str) -> bool:
    return letter.isprintable() or letter in "\n\t" or unicodedata.category(letter) == "Zs"


def _escape(letter: str) -> str:
    """Return the escape of a character in JSON, which has two parts beyond 16 bits."""
    code = ord(letter)
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD7C0 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _shorten(text: str, end: str) -> str:
    return f"{text[: MAX_QUOTE - 3]}...{end}"


_REPR = reprlib.Repr()
_REPR.maxlevel = 3
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = _REPR.maxfrozenset = 8
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = MAX_QUOTE
