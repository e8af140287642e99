"""Frames are decoded for all audits together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from reidbench.audit import embedding
from reidbench.datasets import FrameLoader
from tests.audit.trees import FAST, PEOPLE, World


def test_frames_are_decoded_once_for_all_audits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: Counter[Any] = Counter()
    decode = FrameLoader.decode

    def count(loader: FrameLoader, file: Path, size: Any) -> Any:
        counts[file, size] += 1
        return decode(loader, file, size)

    monkeypatch.setattr(FrameLoader, "decode", count)

    World(tmp_path).embed()

    # The audit of file sizes reads the first frame of a tracklet in its own size.
    assert len(FAST) > 15
    assert sum(counts.values()) == 2 * PEOPLE * (4 + 1)


def test_results_do_not_depend_on_the_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["audit-colour-boxes", "audit-near-duplicates"]
    whole = World(tmp_path / "a").audit(names)
    monkeypatch.setattr(embedding, "BLOCK", 7)

    assert World(tmp_path / "b").audit(names) == whole
