"""Reference digests of contents: shipped ones of demo trees, and stored ones next to the files of a real dataset."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reidbench.datasets.digests import Digests
from reidbench.errors import DatasetError, WriteError
from reidbench.files import write_text

# The contents of trees that protocols of this package render, by the digest in their marker. Other contents mean that
# this machine renders other pixels, so its figures cannot be compared with those of the README.
RENDERED: Mapping[str, str] = {
    # demo
    "f90c2bdc3781ab0e85151443e87726f11d889b46b92d0f6c8d409a25e56cf9c6": (
        "9a6840a0ab7adc1e340814d739ae9b531a4192f126370d848993c318a575a78b"
    ),
    # demo-image
    "835144ba2e532dede5482a4867706b9e3bdd0267f9bf72a5f27df3ce94e301c7": (
        "415a0bebc5b876eb418c4dd7e5df1830bc4b8f56db5bd97c80a50c080248ddf4"
    ),
}
STORED_NAME = "reidbench-contents.txt"
_HEADER = "reidbench contents 1"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]{1,1000})")


def find_reference(digests: Digests) -> str | None:
    """Return the contents that a rendered tree must have according to this package; None if it does not say."""
    return None if digests.marker is None else RENDERED.get(digests.marker)


def compare_with_reference(digests: Digests) -> str | None:
    """Return how the contents of a rendered tree differ from the reference of this package; None if they do not."""
    expected = find_reference(digests)
    if expected is None or digests.contents in (None, expected):
        return None
    return (
        f"the rendered pixels differ from the reference of this package (contents {str(digests.contents)[:8]}, "
        f"reference {expected[:8]}): figures on them cannot be compared with those of other machines"
    )


def store_contents(dataset_folder: Path, labels: str, names: Sequence[str], digests: Sequence[str]) -> None:
    """Store the digest of every item in the dataset folder, as the reference of later comparisons.

    Args:
        dataset_folder: receives the file.
        labels: digest of the labels.
        names: public names of the items.
        digests: of the items.

    Raises:
        DatasetError: the folder cannot be written.
    """
    lines = [f"{digest}  {name}" for name, digest in zip(names, digests, strict=True)]
    try:
        write_text(dataset_folder / STORED_NAME, "\n".join((f"{_HEADER} {labels}", *lines)) + "\n")
    except WriteError as error:
        raise DatasetError(f"cannot store digests: {error}") from error


def compare_with_stored(
    dataset_folder: Path, labels: str, names: Sequence[str], digests: Sequence[str]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the kinds of differences from the stored digests and the names of the items; nothing without a file.

    Raises:
        DatasetError: the file cannot be read or is damaged.
    """
    path = dataset_folder / STORED_NAME
    try:
        header, *lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        matches = [_LINE.fullmatch(line) for line in lines]
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise DatasetError(f"cannot read {path}: {error}; store the digests again with --update") from error
    if not header.startswith(f"{_HEADER} ") or None in matches:
        raise DatasetError(f"{path} is damaged; store the digests again with --update")
    stored = {match[2]: match[1] for match in matches if match is not None}
    current = dict(zip(names, digests, strict=True))
    if header != f"{_HEADER} {labels}":
        yield "labels", ()
    yield "missing", sorted(stored.keys() - current.keys())
    yield "unexpected", sorted(current.keys() - stored.keys())
    yield "changed", sorted(name for name in stored.keys() & current.keys() if stored[name] != current[name])
