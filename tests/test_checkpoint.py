from __future__ import annotations

import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reidbench.checkpoint import load_checkpoint, save_checkpoint
from reidbench.errors import CheckpointError, PluginError


def test_contents_are_read_back(tmp_path: Path) -> None:
    contents = {
        "weights": OrderedDict(
            layer=torch.arange(6.0).reshape(2, 3), half=torch.ones(2, dtype=torch.bfloat16)
        ),
        "numbers": [1, 2.5, True, None, "text", (3, {"inner": b"bytes"})],
    }

    save_checkpoint(tmp_path / "fitted.pt", "owner", contents)
    loaded = load_checkpoint(tmp_path / "fitted.pt", "owner")

    assert loaded is not None
    assert loaded["numbers"] == contents["numbers"]
    for name, values in contents["weights"].items():  # type: ignore[attr-defined]
        assert torch.equal(loaded["weights"][name], values)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros(3), r"state\['x'\]\[1\] is of type numpy.ndarray"),
        (np.float64(1), r"state\['x'\]\[1\]"),
        (Path("x"), r"state\['x'\]\[1\] is of type pathlib"),
        (lambda: None, r"state\['x'\]\[1\] is of type builtins.function"),
        ({1, 2}.__iter__(), r"state\['x'\]\[1\]"),
    ],
    ids=["array", "numpy-scalar", "object", "function", "iterator"],
)
def test_values_that_cannot_be_loaded_replace_nothing(tmp_path: Path, value: Any, words: str) -> None:
    path = tmp_path / "fitted.pt"
    save_checkpoint(path, "owner", {"state": {"x": 1}})
    before = path.read_bytes()

    with pytest.raises(PluginError, match=words):
        save_checkpoint(path, "owner", {"state": {"x": [0, value]}})

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_flipped_bit_in_a_weight_is_named_and_not_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, weights = tmp_path / "fitted.pt", torch.full((64,), 0.123)
    save_checkpoint(path, "owner", {"state": {"weights": weights}})
    contents = bytearray(path.read_bytes())
    contents[contents.index(weights.numpy().tobytes()) + 17] ^= 0x40
    path.write_bytes(contents)

    with caplog.at_level(logging.WARNING):
        assert load_checkpoint(path, "owner") is None

    assert not path.exists()
    assert str(path) in caplog.text


def test_a_checkpoint_of_another_owner_is_an_error_with_both_fingerprints(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "fitted.pt", "old", {})

    with pytest.raises(CheckpointError, match=r"must have fingerprint new .*got old"):
        load_checkpoint(tmp_path / "fitted.pt", "new")
