"""Damage to the bytes of files: flipped bits, truncations, splices, edits of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

Edit = Callable[[bytes, Random], bytes]
Damage = Callable[[Path, Random], str]

# The beginnings of other file types, and encodings that a text reader may not expect.
FOREIGN = (
    b"",
    b"\x00" * 64,
    b"\xff\xfe" + "{}".encode("utf-16-le"),
    b"\xef\xbb\xbf{}",
    b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
    b"PK\x03\x04" + b"\x00" * 40,
    b"PK\x05\x06" + b"\x00" * 18,
    b"\x1f\x8b\x08" + b"\x00" * 20,
    b"\x89HDF\r\n\x1a\n" + b"\x00" * 100,
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n",
    b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0f\x00\x00\x00\xff\xff\xff\x7f",
    b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }".ljust(128),
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"\x1b[2J\x1b]0;title\x07\x9b31m",
    b"9" * 50_000,
    b"\r\n" * 2000,
)
CONTROL = (b"\x00", b"\x1b[31m", b"\x07", b"\r", b"\n", b"\x7f", b"\xc2\x9b", b"\xe2\x80\xae", b"\xff")


def flip_bits(data: bytes, random: Random) -> bytes:
    """Flip between 1 and 16 bits."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def truncate(data: bytes, random: Random) -> bytes:
    """Keep the beginning."""
    return data[: random.randrange(len(data) + 1)]


def drop_beginning(data: bytes, random: Random) -> bytes:
    """Keep the end."""
    return data[random.randrange(len(data) + 1) :]


def delete_slice(data: bytes, random: Random) -> bytes:
    """Delete up to 64 bytes."""
    start = random.randrange(len(data) + 1)
    return data[:start] + data[start + random.randrange(1, 65) :]


def repeat_slice(data: bytes, random: Random) -> bytes:
    """Repeat up to 256 bytes."""
    start = random.randrange(len(data) + 1)
    piece = data[start : start + random.randrange(1, 257)]
    return data[:start] + piece * random.randrange(2, 5) + data[start + len(piece) :]


def overwrite(data: bytes, random: Random) -> bytes:
    """Overwrite up to 32 bytes with zeros, ones or random bytes."""
    start, length = random.randrange(len(data) + 1), random.randrange(1, 33)
    fill = random.choice((b"\x00" * length, b"\xff" * length, random.randbytes(length)))
    return data[:start] + fill + data[start + length :]


def insert_control(data: bytes, random: Random) -> bytes:
    """Insert control characters, or bytes that are no UTF-8."""
    start = random.randrange(len(data) + 1)
    return data[:start] + random.choice(CONTROL) + data[start:]


def change_digits(data: bytes, random: Random) -> bytes:
    """Change digits of a text, or repeat one very often."""
    indices = [index for index, value in enumerate(data) if 48 <= value <= 57]
    if not indices:
        return flip_bits(data, random)
    index = random.choice(indices)
    count = random.choice((1, 1, 1, 1, 20, 400, 5000))
    return data[:index] + bytes([48 + random.randrange(10)]) * count + data[index + 1 :]


def edit_lines(data: bytes, random: Random) -> bytes:
    """Delete, repeat, swap or empty lines."""
    lines = data.split(b"\n")
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            del lines[first]
        case 1:
            lines.insert(second, lines[first])
        case 2:
            lines[first], lines[second] = lines[second], lines[first]
        case 3:
            lines[first] = b""
        case _:
            lines[first] = lines[first] * random.choice((2, 100))
    return b"\n".join(lines)


def replace_all(data: bytes, random: Random) -> bytes:
    """Return the contents of another file type."""
    return random.choice(FOREIGN)


BYTE_EDITS: Sequence[Edit] = (
    flip_bits,
    flip_bits,
    truncate,
    drop_beginning,
    delete_slice,
    repeat_slice,
    overwrite,
    insert_control,
    replace_all,
)
TEXT_EDITS: Sequence[Edit] = (*BYTE_EDITS, change_digits, change_digits, edit_lines, edit_lines)


def damage_file(
    path: Path, random: Random, edits: Sequence[Edit] = BYTE_EDITS, others: Sequence[Path] = ()
) -> str:
    """Damage one file and return what was done.

    Args:
        path: the file.
        random: source of all draws.
        edits: the possible edits.
        others: files whose end may follow the beginning of this one.
    """
    data = path.read_bytes()
    choice = random.random()
    if choice < 0.04:
        path.unlink()
        return f"deleted {path.name}"
    if choice < 0.06:
        path.unlink()
        path.mkdir()
        return f"folder instead of {path.name}"
    if choice < 0.08:
        path.unlink()
        path.symlink_to(random.choice((path.name, "missing")))
        return f"link without a target instead of {path.name}"
    if others and choice < 0.2:
        other = random.choice(list(others)).read_bytes()
        changed = data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]
        path.write_bytes(changed)
        return f"splice of {path.name} and another file"
    edit = random.choice(list(edits))
    path.write_bytes(edit(data, random))
    return f"{edit.__name__} in {path.name}"


def damage_files(
    pattern: str, structure: Damage | None = None, edits: Sequence[Edit] = BYTE_EDITS, share: float = 0.5
) -> Damage:
    """Return a function that damages one file of a folder.

    Args:
        pattern: of the files.
        structure: structural edit of such a file.
        edits: edits of its bytes.
        share: of structural edits.
    """

    def damage(folder: Path, random: Random) -> str:
        files = sorted(path for path in folder.rglob(pattern) if path.is_file())
        path = random.choice(files)
        if structure is not None and random.random() < share:
            return f"{structure(path, random)} ({path.name})"
        others = [other for other in files if other != path]
        return damage_file(path, random, edits, others)

    return damage
