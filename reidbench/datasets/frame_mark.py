"""The mark in every file of the renderer: it is recognised as rendered when the marker of its tree is missing.

The mark of an image is a comment of the format and changes no pixel: a text chunk in PNG, a comment segment in JPEG,
and the reserved bytes of the header in BMP. It is in the first 128 bytes of the file. Re-encoding removes it.
"""

from __future__ import annotations

import struct
import zlib

HEAD_BYTES = 128
_TEXT = b"rendered by reidbench"
# The four reserved bytes of a BMP header.
_RESERVED = b"rReB"
_PNG, _JPEG, _BMP = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"BM"
# Signature, and the chunk IHDR with its length, name and checksum.
_PNG_HEADER = len(_PNG) + 4 + 4 + 13 + 4


def mark_image(data: bytes) -> bytes:
    """Return the bytes of a PNG, JPEG or BMP file with the mark."""
    if data.startswith(_PNG):
        body = b"tEXtSoftware\0" + _TEXT
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        return data[:_PNG_HEADER] + chunk + data[_PNG_HEADER:]
    if data.startswith(_JPEG):
        # After the application segment of JFIF, which must come first.
        end = 2
        if data[2:4] == b"\xff\xe0":
            end = 4 + int.from_bytes(data[4:6], "big")
        return data[:end] + b"\xff\xfe" + struct.pack(">H", len(_TEXT) + 2) + _TEXT + data[end:]
    if data.startswith(_BMP):
        return data[:6] + _RESERVED + data[10:]
    raise ValueError("an image must be PNG, JPEG or BMP")


def is_marked(head: bytes) -> bool:
    """Return whether an image was rendered, from the first `HEAD_BYTES` bytes of its file."""
    if head.startswith(_BMP):
        return head[6:10] == _RESERVED
    return head.startswith((_PNG, _JPEG)) and _TEXT in head[:HEAD_BYTES]


def has_matlab_mark(head: bytes) -> bool:
    """Return whether a MATLAB file was written by the renderer, from its first `HEAD_BYTES` bytes."""
    return head.startswith(b"MATLAB") and b"written by reidbench" in head
