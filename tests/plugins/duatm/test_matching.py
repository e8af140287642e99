from __future__ import annotations

import itertools

import pytest
import torch
from reidbench_plugins.duatm.matching import SequenceMatching, SideTerms
from torch import Tensor, nn

from reidbench.nn import euclidean


def sequences(count: int, length: int, dimension: int = 8, *, seed: int = 0) -> Tensor:
    values = torch.randn(count, length, dimension, generator=torch.Generator().manual_seed(seed))
    return nn.functional.normalize(values, dim=2)


def module(kind: str, *, pairing: str = "index", dimension: int = 8) -> SequenceMatching:
    torch.manual_seed(3)
    matching = SequenceMatching(dimension, matching=kind, intra_pairing=pairing)  # type: ignore[arg-type]
    if kind != "avgpool":
        nn.init.normal_(matching.norm.running_mean, std=0.3)
        nn.init.uniform_(matching.norm.running_var, 0.5, 2)
        nn.init.normal_(matching.transform.weight, std=1.0)
    return matching.eval()


def distances(matching: SequenceMatching, first: Tensor, second: Tensor) -> Tensor:
    with torch.inference_mode():
        return matching.distances(matching.compute_terms(first), matching.compute_terms(second))


def by_hand(matching: SequenceMatching, a: Tensor, b: Tensor) -> float:
    """Compute DM-1 to DM-5 of one pair, vector by vector, in float64."""

    def filters(x: Tensor) -> Tensor:
        linear, norm = matching.transform, matching.norm
        z = linear.weight.double() @ x + linear.bias.double()
        scaled = (z - norm.running_mean.double()) / (norm.running_var.double() + norm.eps).sqrt()
        return (scaled * norm.weight.double() + norm.bias.double()).clamp(min=0)

    def attend(q: Tensor, others: Tensor) -> Tensor:
        weights = torch.stack([q @ x for x in others]).exp()
        return sum((w / weights.sum() * x for w, x in zip(weights, others, strict=True)), torch.zeros_like(q))

    def one_way(first: Tensor, second: Tensor) -> float:
        total = 0.0
        for x in first:
            q = filters(x)
            refined = attend(q, first) if matching.matching == "dual" else x
            total += float((refined - attend(q, second)).norm())
        return total / (2 * len(first))

    with torch.no_grad():
        a, b = a.double(), b.double()
        return one_way(a, b) + one_way(b, a)


@pytest.mark.parametrize("kind", ["dual", "inter"])
@pytest.mark.parametrize("lengths", [(5, 5), (4, 7), (1, 3)])
def test_distances_equal_the_equations(kind: str, lengths: tuple[int, int]) -> None:
    matching = module(kind)
    first, second = sequences(3, lengths[0]), sequences(4, lengths[1], seed=1)

    result = distances(matching, first, second)

    expected = [[by_hand(matching, a, b) for b in second] for a in first]
    torch.testing.assert_close(result, torch.tensor(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", ["dual", "inter", "intra", "avgpool"])
def test_distance_is_symmetric(kind: str) -> None:
    matching = module(kind)
    first, second = sequences(3, 6), sequences(4, 6, seed=1)

    torch.testing.assert_close(distances(matching, first, second), distances(matching, second, first).T)


@pytest.mark.parametrize("kind", ["dual", "inter", "avgpool"])
def test_vector_order_does_not_change_decorrelation(kind: str) -> None:
    matching = module(kind)
    first, second = sequences(3, 6), sequences(4, 6, seed=1)
    shuffled = first[:, torch.randperm(6, generator=torch.Generator().manual_seed(1))]

    torch.testing.assert_close(distances(matching, shuffled, second), distances(matching, first, second))


def test_zero_filters_give_the_distance_of_mean_vectors() -> None:
    matching = module("dual")
    nn.init.zeros_(matching.norm.weight)
    nn.init.zeros_(matching.norm.bias)
    first, second = sequences(3, 6), sequences(4, 6, seed=1)

    expected = euclidean(first.mean(1), second.mean(1))
    torch.testing.assert_close(distances(matching, first, second), expected)
    torch.testing.assert_close(distances(module("avgpool"), first, second), expected)


def test_distance_of_a_sequence_to_itself_is_zero() -> None:
    values = sequences(5, 6)

    assert distances(module("dual"), values, values).diagonal().abs().max() < 1e-6
    assert (
        distances(module("inter"), values, values).diagonal().min() > 0.01
        # A vector differs from its attended mixture.
    )


def test_intra_compares_refined_vectors_by_index_or_mean() -> None:
    matching, first, second = module("intra"), sequences(2, 6), sequences(3, 6, seed=1)
    with torch.inference_mode():
        refined = [matching.attention(matching.filters(x), x) @ x for x in (first, second)]

    by_place = (refined[0][:, None] - refined[1][None]).norm(dim=3).mean(2)
    torch.testing.assert_close(distances(matching, first, second), by_place)
    means = (refined[0].mean(1)[:, None] - refined[1].mean(1)[None]).norm(dim=2)
    torch.testing.assert_close(distances(module("intra", pairing="avgpool"), first, second), means)


@pytest.mark.parametrize("kind", ["dual", "inter", "intra"])
def test_blocks_equal_single_pairs(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    matching = module(kind)
    first, second = sequences(7, 5), sequences(9, 5, seed=1)
    pairs = [
        [float(distances(matching, first[a : a + 1], second[b : b + 1])) for b in range(9)] for a in range(7)
    ]

    # Blocks of 2 by 3.
    monkeypatch.setattr("reidbench.nn.pair_blocks._BYTES", {"cpu": 4 * 6 * 40})

    torch.testing.assert_close(distances(matching, first, second), torch.tensor(pairs), atol=1e-6, rtol=1e-6)


def test_memory_is_bounded_by_a_block_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    matching = module("dual")
    seen: list[int] = []
    inner = SequenceMatching._block

    def record_block(self: SequenceMatching, query: SideTerms, gallery: SideTerms) -> Tensor:
        seen.append(len(query) * len(gallery))
        return inner(self, query, gallery)

    monkeypatch.setattr(SequenceMatching, "_block", record_block)
    monkeypatch.setattr("reidbench.nn.pair_blocks._BYTES", {"cpu": 4 * 12 * 40})

    distances(matching, sequences(30, 5), sequences(50, 5))

    assert max(seen) <= 12
    assert sum(seen) == 30 * 50


def test_attention_sums_to_one_and_gradient_at_zero_is_finite() -> None:
    matching = module("dual").train()
    values = sequences(3, 4).requires_grad_()

    weights = matching.attention(matching.filters(values), values)
    torch.testing.assert_close(weights.sum(2), torch.ones(3, 4))

    prepared = matching.compute_terms(values)
    matching.distances(prepared, prepared).sum().backward()
    assert values.grad is not None
    assert torch.isfinite(values.grad).all()


def test_each_direction_is_averaged_over_its_own_length() -> None:
    """Repeating a sequence changes only its length."""
    matching, first, second = module("dual"), sequences(2, 3), sequences(2, 4, seed=1)

    doubled = torch.cat([first, first], 1)

    torch.testing.assert_close(distances(matching, doubled, second), distances(matching, first, second))


def test_module_has_one_linear_layer_and_one_normalisation() -> None:
    sizes = {name: tuple(value.shape) for name, value in SequenceMatching(256).named_parameters()}

    assert sum(value.numel() for value in SequenceMatching(256).parameters()) == 256 * 256 + 256 + 2 * 256
    assert set(sizes) == {"transform.weight", "transform.bias", "norm.weight", "norm.bias"}
    assert not list(itertools.chain(SequenceMatching(256, matching="avgpool").parameters()))
