from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from reidbench_plugins.duatm.config import PRESETS, DuAtmConfig
from reidbench_plugins.duatm.network import DuAtmNetwork, self_attention
from reidbench_plugins.duatm.training import DuAtmObjective
from torch import nn

UNTRAINED = DuAtmConfig(weights="none")


def test_sequences_have_the_shapes_of_the_paper() -> None:
    with torch.device("meta"):
        images = DuAtmNetwork(UNTRAINED, "spatial")(torch.empty(2, 1, 3, 256, 128))
        videos = DuAtmNetwork(UNTRAINED, "temporal")(torch.empty(2, 16, 3, 128, 64))

    assert images.shape == (2, 32, 256)
    assert videos.shape == (2, 16, 256)


@pytest.mark.parametrize("kind", ["spatial", "temporal"])
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds(name: str, kind: Any) -> None:
    config = PRESETS[name]
    height, width = config.size(kind)
    with torch.device("meta"):
        network = DuAtmNetwork(config, kind, load_weights=False)
        sequences = network(torch.empty(2, 1 if kind == "spatial" else 5, 3, height, width))

    assert sequences.shape == (2, network.sequence_length(5), config.feat_dim)


@pytest.mark.parametrize("rnn", ["gru", "lstm", "rnn"])
@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("pool", ["avg", "max"])
def test_recurrent_layers_are_bidirectional(rnn: Any, merge: Any, pool: Any) -> None:
    torch.manual_seed(0)
    config = dataclasses.replace(PRESETS["small"], rnn=rnn, rnn_merge=merge, frame_pool=pool)
    network = DuAtmNetwork(config, "temporal").eval()
    clip = torch.randn(1, 5, 3, 64, 32)
    other = clip.clone()
    other[:, 2] += 1

    changed = (network(clip) - network(other)).abs().amax(2)[0]

    # Forwards and backwards.
    assert (changed > 1e-6).all()


def test_vectors_have_unit_length_in_row_major_order() -> None:
    torch.manual_seed(0)
    network = DuAtmNetwork(PRESETS["small"], "spatial").eval()
    image = torch.randn(1, 1, 3, 64, 32)
    other = image.clone()
    # Bottom left.
    other[..., 48:, :8] += 3

    before, after = network(image), network(other)

    torch.testing.assert_close(before.norm(dim=2), torch.ones(1, 32))
    changed = (before - after).abs().amax(2).view(8, 4)
    assert changed[:4].max() < 1e-6
    assert changed[6:, 0].min() > 1e-4


def test_constant_sequence_has_uniform_attention() -> None:
    network = DuAtmNetwork(PRESETS["small"], "spatial").eval()
    constant = nn.functional.normalize(torch.ones(1, 6, 64), dim=2)

    torch.testing.assert_close(self_attention(network, constant), torch.full((1, 6), 1 / 6))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "shape"), [("spatial", (4, 1, 256, 128, 3)), ("temporal", (4, 4, 128, 64, 3))]
)
def test_gradients_are_finite_at_the_sizes_of_the_paper(kind: Any, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    network = DuAtmNetwork(UNTRAINED, kind)
    objective = DuAtmObjective(network, 625)
    clips = torch.randint(256, shape, dtype=torch.uint8)

    losses = objective((clips, torch.tensor([3, 3, 7, 7])))
    losses["loss"].backward()

    total = losses["triplet"] + 0.1 * losses["decorrelation"] + 0.5 * losses["cross_entropy"]
    torch.testing.assert_close(losses["loss"], total)
    for name, value in objective.named_parameters():
        assert value.grad is not None, name
        assert torch.isfinite(value.grad).all(), name
