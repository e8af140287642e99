from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from reidbench.errors import PluginError
from reidbench.plugin import Embeddings
from reidbench.runner.stability import RepeatCount, check_repeats, relative_difference, tolerance_of

METHOD: Any = SimpleNamespace(name="m", runtime=SimpleNamespace(device="cpu"))


@pytest.mark.parametrize(
    ("blocks", "repeated"),
    [([32], 8), ([3], 3), ([1, 1, 32], 8), ([32] * 50, 8), ([32] * 100, 16), ([32] * 1000, 160)],
    ids=["one block", "few items", "small blocks first", "1600 items", "3200 items", "32000 items"],
)
def test_repeated_items_are_8_or_half_a_percent(blocks: list[int], repeated: int) -> None:
    count = RepeatCount()

    total = sum(count.take(block) for block in blocks)

    assert total == count.repeated
    assert abs(total - repeated) < 4


def test_repeats_use_other_groups_than_the_call() -> None:
    calls: list[list[int]] = []

    def embed(views: Any) -> Embeddings:
        calls.append(list(views))
        return Embeddings(values=torch.tensor([[float(view)] for view in views]))

    views: Any = list(range(1, 9))
    check_repeats(METHOD, views, embed(views), 8, embed)

    assert sorted(view for call in calls[1:] for view in call) == views
    assert all(len(call) == 4 for call in calls[1:])


def test_padding_is_not_compared() -> None:
    short = Embeddings(values=torch.ones(2, 3, 5), lengths=torch.tensor([2, 2]))
    padded = Embeddings(
        values=torch.cat([torch.ones(2, 2, 5), torch.zeros(2, 4, 5)], dim=1), lengths=torch.tensor([2, 2])
    )

    views: Any = [0, 1]
    check_repeats(METHOD, views, short, 2, lambda some: padded[slice(0, len(some))])


def test_another_shape_is_a_difference() -> None:
    values = Embeddings(values=torch.ones(2, 3))

    views: Any = [0, 1]
    with pytest.raises(PluginError, match="relative difference of inf"):
        check_repeats(METHOD, views, values, 2, lambda some: Embeddings(values=torch.ones(len(some), 4)))


def test_difference_is_relative_to_the_larger_norm() -> None:
    item = torch.tensor([3.0, 4.0])

    assert relative_difference(item, item) == 0
    assert relative_difference(item, 2 * item) == pytest.approx(0.5)
    assert relative_difference(item, 0 * item) == 1
    assert relative_difference(0 * item, 0 * item) == 0
    assert math.isinf(relative_difference(item, item[:1]))


def test_half_precision_and_gpus_have_a_larger_tolerance() -> None:
    assert tolerance_of(torch.float32, "cpu") == tolerance_of(torch.float64, "cpu")
    assert tolerance_of(torch.float16, "cpu") > tolerance_of(torch.float32, "cpu")
    assert tolerance_of(torch.float32, "cuda:0") == tolerance_of(torch.bfloat16, "cpu")
