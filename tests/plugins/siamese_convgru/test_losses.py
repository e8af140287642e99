from __future__ import annotations

import math

import pytest
import torch
from reidbench_plugins.siamese_convgru.losses import PairSimilarity, attention_penalty, siamese_loss


def test_similarity_is_the_weighted_product_minus_c() -> None:
    similarity = PairSimilarity(2, c_init=0.5)
    with torch.no_grad():
        similarity.v.copy_(torch.tensor([2.0, -1.0]))

    logit = similarity(torch.tensor([[3.0, 1.0]]), torch.tensor([[0.5, 4.0]]))

    assert logit.item() == 2 * 1.5 - 4.0 - 0.5


def test_similarity_is_symmetric() -> None:
    torch.manual_seed(0)
    similarity = PairSimilarity(7)
    torch.nn.init.normal_(similarity.v)
    first, second = torch.randn(5, 7), torch.randn(5, 7)

    assert torch.equal(similarity(first, second), similarity(second, first))


def test_initial_similarity_is_the_sigmoid_of_the_mean_product() -> None:
    first, second = torch.rand(3, 12544), torch.rand(3, 12544)

    torch.testing.assert_close(PairSimilarity(12544)(first, second), (first * second).mean(1))


def test_logits_of_all_pairs_equal_pairwise_logits() -> None:
    torch.manual_seed(1)
    similarity = PairSimilarity(6, v_init=0.3, c_init=1.0)
    query, gallery = torch.randn(4, 6), torch.randn(3, 6)

    expected = torch.stack([similarity(row.expand(3, -1), gallery) for row in query])
    torch.testing.assert_close(similarity.between(query, gallery), expected)


def test_c_is_saved_whether_learned_or_not() -> None:
    learned, fixed = PairSimilarity(3), PairSimilarity(3, learn_c=False)

    assert dict(learned.named_parameters()).keys() == {"v", "c"}
    assert dict(fixed.named_parameters()).keys() == {"v"}
    assert learned.state_dict().keys() == fixed.state_dict().keys()


@pytest.mark.parametrize("frames", [1, 8, 20, 49, 60])
def test_penalty_of_uniform_attention_equals_the_formula(frames: int) -> None:
    attention = torch.full((2, frames, 49), 1 / 49, dtype=torch.float64)

    penalty = attention_penalty(attention)

    torch.testing.assert_close(
        penalty, torch.full_like(penalty, 49 * (1 - frames / 49) ** 2), rtol=0, atol=1e-12
    )
    assert attention_penalty(attention, target="T/K2").abs().max() < 1e-20


def test_penalty_of_20_uniform_frames_is_841_over_49() -> None:
    attention = torch.full((1, 20, 49), 1 / 49, dtype=torch.float64)

    assert attention_penalty(attention).item() == pytest.approx(841 / 49, abs=1e-12)


@pytest.mark.parametrize("target", ["1", "T/K2"])
def test_uniform_attention_has_the_smallest_penalty(target: str) -> None:
    torch.manual_seed(0)
    attention = torch.randn(50, 20, 49).softmax(2)
    uniform = torch.full((1, 20, 49), 1 / 49)

    assert (attention_penalty(attention, target=target) > attention_penalty(uniform, target=target)).all()


def test_attention_on_every_location_once_has_no_penalty() -> None:
    attention = torch.eye(6)[torch.randperm(6)][None]

    assert attention_penalty(attention).item() == 0


@pytest.mark.parametrize("target", ["1", "T/K2"])
def test_padded_frames_do_not_change_the_penalty(target: str) -> None:
    torch.manual_seed(0)
    attention = torch.randn(1, 5, 9).softmax(2)
    padded = torch.cat((attention, torch.zeros(1, 3, 9)), 1)

    expected = attention_penalty(attention, target=target)
    torch.testing.assert_close(attention_penalty(padded, torch.tensor([5]), target=target), expected)


def test_loss_of_two_pairs_equals_a_hand_computation() -> None:
    logits, same = torch.tensor([2.0, 1.0]), torch.tensor([True, False])
    attention = torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])[
        :, None
        # Four clips of one frame.
    ]

    terms = siamese_loss(logits, same, attention, penalty_weight=0.5)

    sigmoid = [1 / (1 + math.exp(-logit)) for logit in (2.0, 1.0)]
    cross_entropy = -(math.log(sigmoid[0]) + math.log(1 - sigmoid[1])) / 2
    # (1-1)^2 + (1-0)^2 for the first clip, 2 (1-0.5)^2 for the others.
    penalty = (1.0 + 0.5 + 0.5 + 0.5) / 2
    assert terms.cross_entropy.item() == pytest.approx(cross_entropy, rel=1e-6)
    assert terms.penalty.item() == pytest.approx(penalty)
    assert terms.total.item() == pytest.approx(cross_entropy + 0.5 * penalty, rel=1e-6)


def test_loss_does_not_depend_on_the_branch_order() -> None:
    torch.manual_seed(0)
    similarity = PairSimilarity(5, v_init=0.4)
    first, second, attention = torch.randn(3, 5), torch.randn(3, 5), torch.randn(6, 4, 9).softmax(2)
    same = torch.tensor([True, False, True])

    loss = siamese_loss(similarity(first, second), same, attention)
    swapped = siamese_loss(similarity(second, first), same, attention.roll(3, 0))

    torch.testing.assert_close(loss.total, swapped.total)


def test_loss_of_extreme_logits_is_finite() -> None:
    terms = siamese_loss(torch.tensor([-1e4]), torch.tensor([True]), torch.full((2, 3, 4), 0.25))

    assert terms.cross_entropy.item() == 1e4
