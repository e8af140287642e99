"""Digests of a dataset: what identifies its labels, the contents of its files and, of a rendered tree, its marker."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Digests:
    """The digests of a dataset; None if a digest is unknown.

    Attributes:
        labels: people, cameras and names of the items, the parts of the release and its official splits.
        contents: bytes of the files; of a rendered tree, the pixels before encoding.
        marker: marker of a rendered tree.
    """

    labels: str | None = None
    contents: str | None = None
    marker: str | None = None


def digest_item(name: str, files: bytes) -> str:
    """Return the digest of an item: SHA-256 of its name and of the digest of its files, in hexadecimal.

    Args:
        name: public name of the item.
        files: SHA-256 (32 bytes) of the SHA-256 of its files in temporal order; for rendered items, of the pixels.
    """
    return hashlib.sha256(name.encode() + b"\0" + files).hexdigest()
