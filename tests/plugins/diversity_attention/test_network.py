from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reidbench_plugins.diversity_attention.config import PRESETS, DiversityConfig
from reidbench_plugins.diversity_attention.network import DiversityNetwork, RegionLinear, SpatialAttention
from reidbench_plugins.diversity_attention.training import ClipObjective
from torch import Tensor, nn

SMALL = PRESETS["small"]


def network(**changes: Any) -> DiversityNetwork:
    torch.manual_seed(3)
    return DiversityNetwork(dataclasses.replace(SMALL, **changes)).eval()


def clips(batch: int = 2, frames: int = 3) -> Tensor:
    return torch.randn(batch, frames, 3, 64, 32, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_weights_sum_to_one_over_cells_and_frames(shared: bool, batch_norm: bool) -> None:
    encoding = network(attn_shared=shared, attn_bn=batch_norm)(clips())

    assert encoding.spatial is not None
    assert encoding.temporal is not None
    assert encoding.spatial.shape == (2, 3, 4, 8, 4)
    assert encoding.temporal.shape == (2, 3, 4)
    torch.testing.assert_close(encoding.spatial.sum((3, 4)), torch.ones(2, 3, 4))
    torch.testing.assert_close(encoding.temporal.sum(1), torch.ones(2, 4))
    assert encoding.spatial.min() >= 0
    torch.testing.assert_close(torch.linalg.vector_norm(encoding.descriptor, dim=1), torch.ones(2))


def test_spatial_scores_equal_the_equation() -> None:
    torch.manual_seed(0)
    attention = SpatialAttention(5, 2, 3, shared=False, batch_norm=False)
    maps = torch.randn(1, 5, 2, 2)

    weights = attention(maps)

    for model in range(2):
        first, bias = (
            values[3 * model : 3 * model + 3] for values in (attention.hidden.weight, attention.hidden.bias)
        )
        scores = torch.stack(
            [
                attention.scores.weight[model, :, 0, 0] @ (first[..., 0, 0] @ cell + bias).clamp(min=0)
                for cell in maps[0].flatten(1).T
            ]
        )
        torch.testing.assert_close(weights[0, model].flatten(), scores.softmax(0))


def test_forward_pass_equals_a_hand_computation() -> None:
    model = network(temporal_shared=False, enhance_shared=False)
    shown = clips(1)

    result = model(shown)

    assert model.attention is not None
    assert model.enhance is not None
    assert model.enhance.bias is not None
    assert model.frame_scores is not None
    maps = model.backbone(shown[0])
    weights = model.attention(maps)
    parts = []
    for k in range(4):
        vectors = []
        for n in range(3):
            gated = sum(weights[n, k, y, x] * maps[n, :, y, x] for y in range(8) for x in range(4))
            vectors.append(F.normalize(model.enhance.weight[k] @ gated + model.enhance.bias[k], dim=0))
        scores = torch.stack([model.frame_scores.weight[k, 0] @ vector for vector in vectors])
        shares = scores.softmax(0)
        parts.append(sum(share * vector for share, vector in zip(shares, vectors, strict=True)))
    torch.testing.assert_close(
        result.descriptor[0], F.normalize(torch.cat(parts), dim=0), atol=1e-5, rtol=1e-4
    )


def test_equal_scores_make_temporal_attention_a_mean() -> None:
    model = network()
    assert model.frame_scores is not None
    nn.init.zeros_(model.frame_scores.weight)

    weighted, mean = model(clips()), model(clips(), temporal="avg")

    assert weighted.temporal is not None
    torch.testing.assert_close(weighted.temporal, torch.full((2, 3, 4), 1 / 3))
    torch.testing.assert_close(weighted.descriptor, mean.descriptor)


def test_equal_scores_make_spatial_attention_a_mean() -> None:
    model = network(attn_bn=False)
    assert model.attention is not None
    nn.init.zeros_(model.attention.scores.weight)

    weighted, mean = model(clips()), model(clips(), spatial="avg")

    assert mean.spatial is None
    torch.testing.assert_close(weighted.descriptor, mean.descriptor, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("temporal", ["attention", "avg", "max"])
def test_frame_order_does_not_change_the_result(temporal: str) -> None:
    model, shown = network(temporal=temporal), clips()

    torch.testing.assert_close(model(shown.flip(1)).descriptor, model(shown).descriptor, atol=1e-6, rtol=1e-4)


def test_all_temporal_poolings_agree_on_equal_frames() -> None:
    model, shown = network(), clips(frames=1).expand(-1, 4, -1, -1, -1)

    attended, mean, largest = (model(shown, temporal=pool).descriptor for pool in ("attention", "avg", "max"))

    torch.testing.assert_close(mean, attended)
    torch.testing.assert_close(largest, attended)


@pytest.mark.parametrize(
    ("changes", "length"),
    [
        ({}, 4 * 64),
        ({"embedding": 16, "spatial_models": 3}, 3 * 16),
        ({"enhance": "none"}, 4 * 64),
        ({"enhance": "none", "final": "fc128"}, 128),
        ({"final": "fc128", "embedding": 10}, 128),
        ({"spatial": "avg", "spatial_models": 1, "diversity": "none"}, 64),
    ],
    ids=lambda value: str(value),
)
def test_descriptor_length_follows_the_settings(changes: dict[str, Any], length: int) -> None:
    model = network(**changes)

    assert model.dimension == length
    assert model(clips()).descriptor.shape == (2, length)


@pytest.mark.parametrize("shared", [True, False])
def test_region_linear_equals_linear_layers(shared: bool) -> None:
    torch.manual_seed(0)
    layer, vectors = RegionLinear(3, 5, 2, shared=shared), torch.randn(4, 6, 3, 5)
    assert layer.bias is not None

    results = layer(vectors)

    for region in range(3):
        row = 0 if shared else region
        expected = F.linear(vectors[:, :, region], layer.weight[row], layer.bias[row])
        torch.testing.assert_close(results[:, :, region], expected)


def test_shared_weights_are_equal_for_equal_regions() -> None:
    shared, own = (network(temporal_shared=flag)(clips(), spatial="avg").temporal for flag in (True, False))

    assert shared is not None
    assert own is not None
    torch.testing.assert_close(shared, shared[:, :, :1].expand(-1, -1, 4))
    assert not torch.allclose(own, own[:, :, :1].expand(-1, -1, 4))


def test_head_init_he_draws_small_layers() -> None:
    model = network(head_init="he", attn_bn=False, final="fc128")

    assert model.attention is not None
    assert model.attention.hidden.bias is not None
    assert model.enhance is not None
    assert model.enhance.bias is not None
    assert model.enhance.weight.std().item() == pytest.approx(0.001, rel=0.1)
    assert model.attention.hidden.weight.std().item() == pytest.approx((2 / 32) ** 0.5, rel=0.1)
    assert model.attention.hidden.bias.abs().max() == 0
    assert model.enhance.bias.abs().max() == 0


def test_last_stride_1_doubles_the_sides_of_the_maps() -> None:
    with torch.device("meta"):
        model = DiversityNetwork(DiversityConfig(last_stride=1), load_weights=False)
        encoding = model(torch.empty(1, 2, 3, 256, 128))

    assert encoding.spatial is not None
    assert encoding.spatial.shape[-2:] == model.backbone.grid == (16, 8)


def test_half_precision_is_close_to_full_precision() -> None:
    model = network()

    complete = model(clips())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(clips())

    assert half.descriptor.dtype == half.spatial.dtype == torch.float32
    torch.testing.assert_close(half.descriptor, complete.descriptor, atol=0.02, rtol=0.1)
    torch.testing.assert_close(half.spatial.sum((3, 4)), torch.ones(2, 3, 4))


@pytest.mark.slow
def test_forward_and_backward_run_at_the_sizes_of_the_paper() -> None:
    torch.manual_seed(0)
    model = DiversityNetwork(dataclasses.replace(PRESETS["paper"], weights="none")).train()
    objective = ClipObjective(model, 5)
    objective.step = 3

    losses = objective((torch.randint(0, 256, (1, 6, 256, 128, 3), dtype=torch.uint8), torch.tensor([2])))
    losses["loss"].backward()

    assert all(
        parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters()
    )
    # The table is empty.
    assert losses["identity"].item() == pytest.approx(torch.tensor(5.0).log().item())
    torch.testing.assert_close(losses["loss"], losses["identity"] + losses["diversity"])
    assert 0 <= losses["diversity"].item() <= 30
