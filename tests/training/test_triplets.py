from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reidbench.training import triplet_loss


def loop_loss(distances: torch.Tensor, pids: list[int], margin: float, mining: str) -> float:
    losses = []
    for anchor in range(len(pids)):
        positives = [n for n, pid in enumerate(pids) if pid == pids[anchor] and n != anchor]
        negatives = [n for n, pid in enumerate(pids) if pid != pids[anchor]]
        if not positives or not negatives:
            continue
        far = [float(distances[anchor, n]) for n in positives]
        near = [float(distances[anchor, n]) for n in negatives]
        pairs = [(max(far), min(near))] if mining == "batch_hard" else list(itertools.product(far, near))
        losses += [max(0.0, margin + positive - negative) for positive, negative in pairs]
    return sum(losses) / len(losses) if losses else 0.0


@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.integers(0, 1000))
@settings(deadline=None)
@pytest.mark.parametrize("mining", ["batch_hard", "batch_all"])
def test_triplet_loss_equals_plain_loops(mining: str, pids: list[int], seed: int) -> None:
    distances = torch.rand(len(pids), len(pids), generator=torch.Generator().manual_seed(seed))

    loss = triplet_loss(distances, torch.tensor(pids), margin=0.3, mining=mining)  # type: ignore[arg-type]

    assert float(loss) == pytest.approx(loop_loss(distances, pids, 0.3, mining), abs=1e-6)


def test_batch_without_anchors_has_zero_loss_and_gradient() -> None:
    distances = torch.rand(3, 3).requires_grad_()

    loss = triplet_loss(distances, torch.tensor([1, 2, 3]), margin=0.3)
    loss.backward()

    assert float(loss.detach()) == 0
    assert distances.grad is not None
    assert not distances.grad.any()
