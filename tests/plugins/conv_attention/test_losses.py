from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from reidbench_plugins.conv_attention.losses import LossTerms, hinge_embedding, siamese_loss
from torch import Tensor


def random_batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "descriptors": torch.randn(8, 6, generator=generator),
        "logits": torch.randn(8, 5, generator=generator),
        "same": torch.tensor([True, False, True, False]),
        "people": torch.tensor([0, 1, 4, 2, 0, 3, 4, 1]),
    }


def loss(batch: dict[str, Tensor], **settings: Any) -> LossTerms:
    return siamese_loss(
        batch["descriptors"], batch["logits"], batch["same"], batch["people"], **{"margin": 2.0, **settings}
    )


def test_hinge_equals_its_definition() -> None:
    distances = torch.tensor([0.5, 0.5, 3.0, 3.0, 0.0, 0.0])
    same = torch.tensor([True, False] * 3)

    linear = hinge_embedding(distances, same, margin=2.0)
    squared = hinge_embedding(distances, same, margin=2.0, power=2)

    assert linear.tolist() == [0.5, 1.5, 3.0, 0.0, 0.0, 2.0]
    assert squared.tolist() == [0.125, 1.125, 4.5, 0.0, 0.0, 2.0]


def test_loss_of_a_known_batch() -> None:
    descriptors = torch.tensor([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    # Every person equally likely.
    logits = torch.zeros(4, 10)

    terms = siamese_loss(
        descriptors,
        logits,
        torch.tensor([True, False]),
        torch.tensor([0, 1, 0, 2]),
        margin=2.0,
        id_weight=0.5,
    )

    assert terms.pair.item() == pytest.approx((5 + 1) / 2)
    assert terms.identification.item() == pytest.approx(2 * math.log(10), rel=1e-6)
    assert terms.total.item() == pytest.approx(3 + math.log(10), rel=1e-6)


@pytest.mark.parametrize("power", [1, 2])
def test_loss_does_not_depend_on_the_branch_order(power: int) -> None:
    batch = random_batch()
    swapped = {name: torch.cat([value[4:], value[:4]]) for name, value in batch.items()}
    swapped["same"] = batch["same"]

    torch.testing.assert_close(loss(swapped, power=power).total, loss(batch, power=power).total)


def test_loss_of_a_batch_is_the_mean_over_pairs() -> None:
    batch = random_batch()
    singles = []
    for pair in range(4):
        rows = [pair, pair + 4]
        one = {name: value[rows] for name, value in batch.items() if name != "same"}
        singles.append(loss({**one, "same": batch["same"][pair : pair + 1]}).total)

    torch.testing.assert_close(loss(batch).total, torch.stack(singles).mean())


def test_equal_vectors_have_finite_gradients() -> None:
    batch = random_batch()
    batch["descriptors"] = torch.ones(8, 6, requires_grad=True)

    loss(batch).total.backward()

    assert batch["descriptors"].grad is not None
    assert batch["descriptors"].grad.isfinite().all()
