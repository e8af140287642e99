from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from reidbench_plugins.diversity_attention.losses import (
    OnlineInstanceMatching,
    bhattacharyya,
    diversity,
    hellinger,
    reduce_terms,
)
from torch import Tensor


def some_maps(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).mul_(2).softmax(-1)


def matching(people: int, dimension: int, **changes: object) -> OnlineInstanceMatching:
    return OnlineInstanceMatching(
        people, dimension, **{"scale": 10.0, "momentum": 0.5, "init": "zeros", **changes}
    )  # type: ignore[arg-type]


def test_squared_hellinger_and_bhattacharyya_sum_to_one() -> None:
    maps = some_maps(5, 4, 32)

    distances = hellinger(maps)

    torch.testing.assert_close(
        distances.square() + bhattacharyya(maps), torch.ones(5, 4, 4, dtype=torch.float64)
    )
    assert distances.min() >= 0
    assert distances.max() <= 1
    torch.testing.assert_close(distances, distances.mT)


def test_hellinger_distance_is_1_if_disjoint_and_0_if_equal() -> None:
    halves = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.25, 0.75]])

    torch.testing.assert_close(hellinger(halves), 1 - torch.eye(2))
    assert hellinger(halves[:1].expand(3, -1)).abs().max() == 0


@pytest.mark.parametrize("count", [1, 2, 6])
def test_diversity_is_0_if_disjoint_and_maximal_if_equal(count: int) -> None:
    disjoint = torch.eye(count).repeat_interleave(4, 1) / 4
    equal = some_maps(1, 16).float().expand(count, -1)

    assert diversity(disjoint, "hellinger").item() == pytest.approx(0, abs=1e-10)
    assert diversity(equal, "hellinger").item() == pytest.approx(count * (count - 1), abs=1e-5)


def test_diversity_is_the_sum_of_squared_pair_coefficients() -> None:
    maps = some_maps(3, 4, 8)

    expected = torch.zeros(3, dtype=torch.float64)
    for first in range(4):
        for second in range(4):
            if first != second:
                expected += (maps[:, first] * maps[:, second]).sqrt().sum(1).square()
    torch.testing.assert_close(diversity(maps, "hellinger"), expected)
    assert (diversity(maps, "hellinger") >= 0).all()


def test_gram_diversity_of_spread_maps_is_positive() -> None:
    one_cell_each, spread = torch.eye(2), torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])

    assert diversity(one_cell_each, "gram").item() == 0
    assert diversity(spread, "gram").item() == 2 * (0.5 - 1) ** 2
    assert diversity(spread, "hellinger").item() == pytest.approx(0, abs=1e-10)
    assert diversity(spread, "none").item() == 0


def test_order_of_maps_and_cells_does_not_change_diversity() -> None:
    maps = some_maps(4, 10)
    shuffled = maps[torch.randperm(4)][:, torch.randperm(10)]

    torch.testing.assert_close(diversity(shuffled, "hellinger"), diversity(maps, "hellinger"))


def test_maps_with_empty_cells_have_finite_gradients() -> None:
    scores = torch.tensor([[500.0, 0.0, -500.0], [0.0, 400.0, 0.0]], requires_grad=True)

    diversity(scores.softmax(1), "hellinger").backward()

    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def test_gradient_descent_on_diversity_separates_maps() -> None:
    scores = some_maps(3, 12, seed=3).log().requires_grad_()
    before = hellinger(scores.detach().softmax(1)).sum()

    for _ in range(20):
        (gradient,) = torch.autograd.grad(diversity(scores.softmax(1), "hellinger"), scores)
        scores = (scores - gradient).detach().requires_grad_()

    assert hellinger(scores.detach().softmax(1)).sum() > before


def test_diversity_reduction_is_the_mean_or_the_root_of_the_sum() -> None:
    terms = torch.tensor([[1.0, 3.0], [5.0, 7.0]])

    assert reduce_terms(terms, "squared_mean").item() == 4
    assert reduce_terms(terms, "batch_root").item() == pytest.approx(4, rel=1e-5)
    assert reduce_terms(torch.zeros(2, 2), "batch_root").item() == pytest.approx(math.sqrt(1e-5), rel=1e-5)


def test_table_loss_and_update_equal_a_hand_computation() -> None:
    table = matching(3, 2, scale=2.0, momentum=0.25)
    table.table.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    descriptors = torch.tensor([[0.6, 0.8], [0.0, 1.0]])

    loss = table(descriptors, torch.tensor([0, 2]))

    first = -math.log(math.exp(1.2) / (math.exp(1.2) + math.exp(1.6) + 1))
    second = -math.log(1 / (1 + math.exp(2.0) + 1))
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-6)
    x, y = 0.25 * 1 + 0.75 * 0.6, 0.75 * 0.8
    length = math.hypot(x, y)
    expected = torch.tensor([[x / length, y / length], [0.0, 1.0], [0.0, 1.0]])
    torch.testing.assert_close(table.table, expected)


def test_clips_of_one_person_update_the_row_in_order() -> None:
    together, apart = matching(2, 4), matching(2, 4)
    descriptors = F.normalize(torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), dim=1)

    together(descriptors, torch.tensor([1, 1, 1]))
    for descriptor in descriptors:
        apart(descriptor[None], torch.tensor([1]))

    torch.testing.assert_close(together.table, apart.table)


def test_updated_rows_have_unit_length_and_others_stay() -> None:
    table = matching(6, 8)
    generator = torch.Generator().manual_seed(1)

    for _ in range(5):
        table(F.normalize(torch.randn(4, 8, generator=generator), dim=1), torch.tensor([0, 2, 2, 5]))

    lengths = torch.linalg.vector_norm(table.table, dim=1)
    torch.testing.assert_close(lengths, torch.tensor([1.0, 0, 1, 0, 0, 1]))


def test_gradients_use_the_table_rows_before_the_update() -> None:
    table = matching(3, 4)
    rows = F.normalize(torch.randn(3, 4, generator=torch.Generator().manual_seed(2)), dim=1)
    table.table.copy_(rows)
    descriptors = F.normalize(
        torch.randn(2, 4, generator=torch.Generator().manual_seed(3)), dim=1
    ).requires_grad_()
    people = torch.tensor([1, 1])

    table(descriptors, people).backward()

    error = (10 * descriptors.detach() @ rows.T).softmax(1) - F.one_hot(people, 3)
    torch.testing.assert_close(descriptors.grad, 10 * error @ rows / 2)
    assert not list(table.parameters())
    assert not table.table.requires_grad
    assert table.table.grad is None
    assert not torch.equal(table.table, rows)


def test_only_training_mode_changes_the_table() -> None:
    table = matching(2, 3).eval()

    table(torch.eye(3)[:2], torch.tensor([0, 1]))

    assert table.table.abs().max() == 0


def test_first_feature_init_fills_the_row_before_the_loss() -> None:
    later, at_once = matching(2, 2), matching(2, 2, init="first_feature")
    descriptor, person = torch.tensor([[1.0, 0.0]]), torch.tensor([1])

    assert later(descriptor, person).item() == pytest.approx(math.log(2), rel=1e-6)
    assert at_once(descriptor, person).item() == pytest.approx(math.log(1 + math.exp(-10)), rel=1e-3)
    torch.testing.assert_close(later.table, at_once.table)

    other = torch.tensor([[0.0, 1.0]])
    later(other, person), at_once(other, person)
    torch.testing.assert_close(later.table, at_once.table)


def test_zero_momentum_replaces_rows() -> None:
    table = matching(1, 2, momentum=0.0)

    table(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))

    assert table.table.tolist() == [[0.0, 1.0]]
