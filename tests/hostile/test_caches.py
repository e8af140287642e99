from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.reader import TRUTH
from tests.hostile.readers.caches import prepare_cache
from tests.hostile.world import keep_figures, run_tiny


def flip_bit(path: Path) -> None:
    """Flip a bit in the middle; size and time stamp stay as they were."""
    status, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def copy_other_entry(path: Path) -> None:
    """Replace an entry by an intact one of another key or kind."""
    others = sorted(path.parents[2].rglob(f"*{path.suffix}"), reverse=True)
    # The last one may have been copied to all others.
    for other in others:
        if other.read_bytes() != path.read_bytes():
            shutil.copy(other, path)
            return


def put_match_first(path: Path) -> None:
    """Let every query find its match at rank 1."""
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r'("first_match_rank": ?)\[[^]]*\]', r"\1[1,1,1,1]", text)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


# Kind of entry: method, files, entries to delete first, whether the training was stopped.
ENTRIES: dict[str, tuple[str, str, tuple[str, ...], bool]] = {
    "trial": ("tiny-rows", "trials/*.json", (), False),
    "features": ("tiny-rows", "features/*/*.h5", ("trials",), False),
    "fit": ("tiny-scaled", "fits/*/fitted.pt", ("trials", "features"), False),
    "checkpoint": ("tiny-net", "fits/*/checkpoint.pt", (), True),
    "tree": ("tiny-rows", "trees/**/*.png", ("trials", "features"), False),
}
CASES = [
    *((kind, edit) for kind in ENTRIES for edit in (flip_bit, truncate, empty)),
    *((kind, copy_other_entry) for kind in ("trial", "fit", "tree")),
    ("trial", put_match_first),
]


@pytest.mark.parametrize(("kind", "edit"), CASES, ids=[f"{kind}-{edit.__name__}" for kind, edit in CASES])
def test_damaged_entry_is_named_and_computed_again(
    kind: str, edit: Callable[[Path], None], tmp_path: Path
) -> None:
    method, pattern, deleted, stopped = ENTRIES[kind]
    prepare_cache(tmp_path, method=method, deleted=deleted, stopped=stopped)
    paths = sorted(tmp_path.glob(f"cache/v*/{pattern}"))
    # Entries of other methods are not read; one frame is enough.
    for path in paths[:1] if kind == "tree" else paths:
        edit(path)

    answer = run_tiny(tmp_path, method)

    assert answer.code == 0, answer.err
    assert keep_figures(answer).out == (tmp_path / TRUTH).read_text(encoding="utf-8")
    assert "damaged" in answer.err
