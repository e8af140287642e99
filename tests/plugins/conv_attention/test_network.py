from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reidbench_plugins.conv_attention.config import ConvAttentionConfig
from reidbench_plugins.conv_attention.network import ClipEncoding, ConvAttentionNetwork, Recurrence, rcn_body
from reidbench_plugins.conv_attention.training import PairObjective
from torch import Tensor

SMALL: dict[str, Any] = {
    "frame_height": 32,
    "frame_width": 24,
    "crop_height": 24,
    "crop_width": 16,
    "embedding_dim": 8,
}


def network(**settings: Any) -> ConvAttentionNetwork:
    torch.manual_seed(0)
    model = ConvAttentionNetwork(ConvAttentionConfig(**{**SMALL, **settings})).eval()
    # The initial V_a = 0 makes attention independent of the input.
    if model.attention is not None:
        for branch in model.attention.branches:
            torch.nn.init.normal_(branch.to_logits.weight)
    return model


def clips(batch: int = 3, frames: int = 4, channels: int = 5) -> Tensor:
    return torch.randn(batch, frames, channels, 24, 16, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def encode(model: ConvAttentionNetwork, *args: Any) -> ClipEncoding:
    return model(*args)


def test_stages_have_the_published_shapes() -> None:
    body, channels, grid = rcn_body(5, (56, 40))
    seen = []
    for layer in body:
        layer.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape[1:])))

    body(torch.zeros(1, 5, 56, 40))

    after_convolution, after_pooling = seen[0::3], seen[2::3]
    assert after_convolution == [(16, 60, 44), (32, 34, 26), (32, 21, 17)]
    assert after_pooling == [(16, 30, 22), (32, 17, 13), (32, 10, 8)]
    assert (channels, grid) == (32, (10, 8))


def test_zero_attention_filters_remove_the_module() -> None:
    model = ConvAttentionNetwork(ConvAttentionConfig(attention_filters=0))

    assert not [name for name, _ in model.named_parameters() if "attention" in name]
    assert model.to_vector[1].weight.shape == (128, 2560)
    assert model(torch.zeros(1, 2, 5, 56, 40)).attention is None


def test_three_filters_have_the_parameters_of_the_paper() -> None:
    model = ConvAttentionNetwork(ConvAttentionConfig())

    encoding = model(torch.randn(2, 3, 5, 56, 40))

    assert model.to_vector[1].weight.shape == (128, 240)
    assert sum(value.numel() for value in model.attention.parameters()) == 975 + 3792
    assert encoding.descriptor.shape == (2, 128)
    assert torch.equal(encoding.attention, torch.full((2, 3, 1, 10, 8), 1 / 80))
    torch.testing.assert_close(torch.linalg.norm(encoding.descriptor, dim=1), torch.ones(2))


@pytest.mark.parametrize(("filters", "flow"), [(0, True), (3, True), (4, False)])
def test_gradients_reach_every_weight_at_the_sizes_of_the_paper(filters: int, flow: bool) -> None:
    torch.manual_seed(0)
    config = ConvAttentionConfig(attention_filters=filters, use_flow=flow, temporal="rnn")
    model = ConvAttentionNetwork(config)
    if model.attention is not None:
        torch.nn.init.normal_(model.attention.branches[0].to_logits.weight)
    objective = PairObjective(model, 4)

    batch = (torch.randn(2, 16, config.channels, 56, 40), torch.tensor([False]), torch.tensor([0, 3]))
    terms = objective(batch)
    terms["loss"].backward()

    assert terms["loss"].isfinite()
    assert not [name for name, value in objective.named_parameters() if not value.grad.any()]


VARIANTS = [
    {"filters_role": role, "refine": refine, "module_output": output}
    for role, refine, output in product(
        ["hidden", "attention", "parallel"],
        ["frames", "repeat"],
        ["hidden_all", "hidden_last", "attended_input"],
    )
] + [
    {"attention_filters": 0},
    {"attention_filters": 0, "temporal": "rnn", "normalisation": "none"},
    {"temporal": "rnn"},
    {"normalisation": "batchnorm"},
    {"embedding_dim": None},
    {"embedding_dim": None, "temporal": "rnn"},
    {"backbone": "small"},
    {"att_scale": "grid", "att_kernel": 5},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_padding_in_a_batch_does_not_change_the_encoding(settings: dict[str, Any]) -> None:
    model = network(**settings)
    batch, lengths = clips(), torch.tensor([4, 1, 3])
    noisy = batch.clone()
    noisy[1, 1:], noisy[2, 3:] = 100.0, -100.0

    together = encode(model, noisy, lengths).descriptor

    assert together.shape == (3, model.length)
    for row, length in enumerate(lengths.tolist()):
        alone = encode(model, batch[row : row + 1, :length]).descriptor[0]
        torch.testing.assert_close(together[row], alone, atol=1e-5, rtol=1e-4)
    assert (together[0] - together[1]).abs().max() > 1e-7


@pytest.mark.parametrize("settings", VARIANTS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_swapped_branches_give_swapped_vectors(settings: dict[str, Any]) -> None:
    model = network(**settings)
    pair = clips(2)

    there, back = encode(model, pair).descriptor, encode(model, pair.flip(0)).descriptor

    torch.testing.assert_close(there, back.flip(0), atol=1e-6, rtol=1e-5)


def test_descriptor_is_the_normalised_mean_of_frame_vectors() -> None:
    model = network()
    maps = model.backbone(clips().flatten(0, 1)).view(3, 4, 32, *model.grid)
    states = model.attention(maps).hidden
    vectors = model.to_vector[1](states.flatten(2))

    encoding = encode(model, clips())

    torch.testing.assert_close(encoding.mean, vectors.mean(1))
    torch.testing.assert_close(encoding.descriptor, F.normalize(vectors.mean(1), dim=1))


def test_hidden_last_uses_the_last_state() -> None:
    model = network(module_output="hidden_last")
    maps = model.backbone(clips().flatten(0, 1)).view(3, 4, 32, *model.grid)
    states = model.attention(maps).hidden

    result = encode(model, clips(), torch.tensor([4, 2, 3])).mean

    last = states[torch.arange(3), torch.tensor([3, 1, 2])]
    torch.testing.assert_close(result, model.to_vector[1](last.flatten(1)))


def test_refine_repeat_does_not_depend_on_the_frame_order() -> None:
    model = network(refine="repeat", refine_steps=3, module_output="hidden_last")

    encoding = encode(model, clips())
    turned = encode(model, clips().flip(1))

    assert encoding.attention.shape == (3, 3, 1, *model.grid)
    torch.testing.assert_close(turned.descriptor, encoding.descriptor)
    one = encode(network(refine="repeat", refine_steps=1, module_output="hidden_last"), clips())
    assert not torch.allclose(one.descriptor, encoding.descriptor)


def test_frame_order_changes_the_module_output() -> None:
    model = network(att_scale="grid")

    difference = encode(model, clips().flip(1)).descriptor - encode(model, clips()).descriptor

    assert difference.abs().max() > 1e-4


def test_recurrence_equals_mclaughlin_2016() -> None:
    torch.manual_seed(0)
    recurrence = Recurrence(3, dropout=0.6).eval()
    torch.nn.init.normal_(recurrence.start)
    f = torch.randn(2, 3, 3)
    W, b = recurrence.step.weight, recurrence.step.bias

    first = f[:, 0] + recurrence.start
    second = f[:, 1] + torch.tanh(first) @ W.T + b
    third = f[:, 2] + torch.tanh(second) @ W.T + b

    torch.testing.assert_close(recurrence(f), torch.stack([first, second, third], 1))


def test_dropout_acts_in_training_before_the_linear_layer() -> None:
    model, plain = network(), network(embedding_dim=None)

    assert torch.equal(encode(model, clips()).mean, encode(model, clips()).mean)
    assert torch.equal(encode(plain.train(), clips()).mean, encode(plain, clips()).mean)
    assert not torch.equal(encode(model.train(), clips()).mean, encode(model, clips()).mean)


@pytest.mark.parametrize("id_input", ["raw", "normalised"])
def test_id_input_decides_the_input_of_the_classifier(id_input: str) -> None:
    model = network(id_input=id_input)
    objective = PairObjective(model, 3)
    people = torch.tensor([0, 1, 0, 2])
    batch = (clips(4), torch.tensor([True, False]), people)

    result = objective(batch)["identification"]

    encoding = encode(model, clips(4))
    read = encoding.mean if id_input == "raw" else encoding.descriptor
    torch.testing.assert_close(result, 2 * F.cross_entropy(objective.classifier(read), people))
