"""Fingerprints: SHA-256 of canonical JSON; they identify cached and recorded data."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Return the canonical JSON text of a value: sorted keys, no spaces, no NaN.

    Raises:
        ValueError: a float is NaN or infinite.
        TypeError: a value is not a JSON type (tuples are lists).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of a value as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def derive_seed(*parts: Any) -> int:
    """Return a 63-bit seed that depends on all parts; the same on every platform and in every process."""
    return int(fingerprint(list(parts))[:16], 16) >> 1
