from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from reidbench_plugins.siamese_convgru.config import PRESETS, SiameseConfig
from reidbench_plugins.siamese_convgru.losses import siamese_loss
from reidbench_plugins.siamese_convgru.network import (
    AttentiveStack,
    LocationSoftmax,
    SiameseConvGRU,
    StateInitialiser,
)
from reidbench_plugins.siamese_convgru.pooling import fit_fisher
from torch import Tensor, nn

from reidbench.errors import ConfigError, WeightsError

TINY = SiameseConfig(
    backbone="small",
    weights="none",
    finetune_backbone=True,
    backbone_lr=1e-3,
    lr=1e-3,
    # 4 x 3 maps.
    input_height=32,
    input_width=24,
    kernels=(3, 3, 3),
    channels=(4, 6, 5),
    init="xavier",
    dropout=0.2,
)


def network(**settings: Any) -> SiameseConvGRU:
    torch.manual_seed(0)
    return SiameseConvGRU(dataclasses.replace(TINY, **settings))


def random_clips(batch: int = 2, frames: int = 3, config: SiameseConfig = TINY) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, frames, 3, config.input_height, config.input_width, generator=generator)


def literal_encoding(stack: AttentiveStack, cube: Tensor, first: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Compute W-3 to W-5 separately per frame, layer and gate."""
    height, width = cube.shape[-2:]
    h = [state.expand(-1, -1, height, width) for state in first]
    attention, tops = [], []
    for t in range(cube.shape[1]):
        if stack.attention is None:
            m = cube.new_full((len(cube), height * width), 1 / (height * width))
        else:
            (W,) = stack.attention.scores.parameters()
            scores = (h[-1].flatten(1) @ W.T).exp()
            # W-3 without its misprint.
            m = scores / scores.sum(1, keepdim=True)
        layer_input = cube[:, t] * m.reshape(len(cube), 1, height, width)  # W-4
        for layer, cell in enumerate(stack.cells):
            W_z, W_r, W_h = cell.input_kernels.chunk(3)
            U_z, U_r = cell.gate_kernels.chunk(2)
            b_z, b_r, b_h = cell.bias[:, None, None].chunk(3)
            pad = (cell.kernel - 1) // 2
            z = torch.sigmoid(
                F.conv2d(layer_input, W_z, padding=pad) + F.conv2d(h[layer], U_z, padding=pad) + b_z
            )
            r = torch.sigmoid(
                F.conv2d(layer_input, W_r, padding=pad) + F.conv2d(h[layer], U_r, padding=pad) + b_r
            )
            reset = F.conv2d(r * h[layer], cell.candidate_kernels, padding=pad)
            candidate = torch.tanh(F.conv2d(layer_input, W_h, padding=pad) + reset + b_h)
            h[layer] = (1 - z) * h[layer] + z * candidate
            layer_input = h[layer]
        attention.append(m)
        tops.append(layer_input)
    return torch.stack(tops, 1), torch.stack(attention, 1)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-10)], ids=["float32", "float64"]
)
@pytest.mark.parametrize("kernels", [(3, 5, 5), (3, 9, 1), (3, 1, 9), (1, 3, 3)], ids=str)
@pytest.mark.parametrize("spatial_attention", ["learned", "uniform"])
def test_stack_equals_the_equations(
    spatial_attention: str, kernels: tuple[int, ...], dtype: torch.dtype, tolerance: float
) -> None:
    net = network(spatial_attention=spatial_attention, kernels=kernels).to(dtype).eval()
    if net.stack.attention is not None:
        # Far from uniform weights.
        nn.init.normal_(net.stack.attention.scores[0].weight)
    for cell in net.stack.cells:
        nn.init.normal_(cell.bias)
    clips = random_clips(frames=4).to(dtype)

    with torch.no_grad():
        encoding = net(clips, with_states=True)
        cube = net.backbone(clips.flatten(0, 1)).unflatten(0, (2, 4))
        mean = cube.mean((1, 3, 4))  # W-7
        first = [
            torch.tanh(outer(torch.tanh(inner(mean))))[:, :, None, None]
            for inner, _, outer, _ in net.initialiser.perceptrons
        ]
        states, attention = literal_encoding(net.stack, cube, first)

    torch.testing.assert_close(encoding.states, states, rtol=0, atol=tolerance)
    torch.testing.assert_close(encoding.attention, attention, rtol=0, atol=tolerance)
    torch.testing.assert_close(encoding.descriptor, states.mean(1).flatten(1), rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    "settings",
    [
        {"attn_input": "flatten"},
        {"attn_input": "gap"},
        {"attn_input": "conv1x1"},
        {"attn_input": "flatten", "attn_hidden": 7},
        {"attn_input": "conv1x1", "attn_hidden": 7},
        {"spatial_attention": "uniform"},
        {"h0": "zeros"},
        {"inter_layer_pool": "max3s1"},
        {"bias": False, "learn_c": False},
    ],
    ids=str,
)
def test_location_weights_sum_to_one(settings: dict[str, Any]) -> None:
    net = network(**settings).eval()

    encoding = net(random_clips(), with_states=True)

    assert encoding.attention.shape == (2, 3, 12)
    assert (encoding.attention >= 0).all()
    torch.testing.assert_close(encoding.attention.sum(2), torch.ones(2, 3))
    torch.testing.assert_close(encoding.frame_weights.sum(1), torch.ones(2))
    assert encoding.states is not None
    assert encoding.states.shape == (2, 3, 5, 4, 3)
    assert encoding.descriptor.shape == (2, 60)
    assert net.similarity.v.shape == (60,)


def test_states_are_returned_only_if_requested() -> None:
    assert network().eval()(random_clips()).states is None


@pytest.mark.parametrize("reads", ["flatten", "gap", "conv1x1"])
def test_attn_input_decides_the_input_of_location_weights(reads: str) -> None:
    torch.manual_seed(0)
    state = torch.randn(1, 3, 2, 2)
    softmax = LocationSoftmax(3, (2, 2), 4, reads=reads, hidden=0)
    W = softmax.scores[0].weight

    logits = {
        "flatten": lambda: torch.stack([W[i] @ state.reshape(-1) for i in range(4)]),
        "gap": lambda: torch.stack([W[i] @ state.mean((0, 2, 3)) for i in range(4)]),
        "conv1x1": lambda: torch.stack([W[0] @ state[0, :, i // 2, i % 2] for i in range(4)]),
    }[reads]()

    torch.testing.assert_close(softmax(state)[0], logits.exp() / logits.exp().sum())


def test_only_stride_2_pooling_shrinks_layers() -> None:
    # 8 x 5 maps.
    shrinking = network(inter_layer_pool="max2s2", input_height=64, input_width=40).eval()
    encoding = shrinking(torch.randn(1, 2, 3, 64, 40), with_states=True)

    assert shrinking.stack.grids == [(8, 5), (4, 2), (2, 1)]
    assert encoding.states is not None
    assert encoding.states.shape == (1, 2, 5, 2, 1)
    assert encoding.attention.shape == (1, 2, 40)
    with pytest.raises(
        ConfigError, match="inter_layer_pool must be none or max3s1 for 3 layers on 4 x 3 maps"
    ):
        network(inter_layer_pool="max2s2")


@pytest.mark.parametrize("spatial_attention", ["learned", "uniform"])
@pytest.mark.parametrize("kernel", [1, 3, 5, 9])
def test_zero_padding_keeps_the_grid(kernel: int, spatial_attention: str) -> None:
    net = network(kernels=(kernel,) * 3, input_height=56, input_width=56, spatial_attention=spatial_attention)
    encoding = net.eval()(torch.randn(1, 1, 3, 56, 56), with_states=True)

    assert encoding.states is not None
    assert encoding.states.shape == (1, 1, 5, 7, 7)


def test_parameter_counts_equal_the_formula_of_the_paper() -> None:
    with torch.device("meta"):
        net = SiameseConvGRU(SiameseConfig(bias=False), load_weights=False)
        wide = SiameseConvGRU(SiameseConfig(bias=False, kernels=(5, 5, 5)), load_weights=False)
    counts = [sum(parameter.numel() for parameter in cell.parameters()) for cell in net.stack.cells]

    assert counts == [3_981_312, 7_372_800, 9_830_400]
    assert sum(counts) == 21_184_512
    assert sum(parameter.numel() for parameter in wide.stack.cells[0].parameters()) == 11_059_200


def test_single_location_has_no_attention_layer() -> None:
    config = SiameseConfig(backbone="googlenet_fc", kernels=(1, 1, 1), weights="none")
    with torch.device("meta"):
        stack = SiameseConvGRU(config).stack

    assert stack.attention is None
    assert stack.grids == [(1, 1)] * 3


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"spatial_attention": "uniform"},
        {"temporal_pool": "max"},
        {"temporal_pool": "avg", "h0": "zeros"},
        {"frame_norm": "l2", "video_norm": "l2"},
    ],
    ids=str,
)
def test_clips_of_different_length_can_share_a_batch(settings: dict[str, Any]) -> None:
    net = network(**settings).eval()
    for parameter in net.pooling.parameters():
        # Otherwise all frames have equal weights.
        nn.init.normal_(parameter)
    clips = random_clips(batch=3, frames=6)
    lengths = torch.tensor([6, 1, 4])
    for clip, length in zip(clips, lengths.tolist(), strict=True):
        # NaN padding would spread to every result that uses it.
        clip[length:] = torch.nan

    together = net(clips, lengths)

    assert together.descriptor.isfinite().all()
    for row, length in enumerate(lengths.tolist()):
        alone = net(clips[row : row + 1, :length])
        torch.testing.assert_close(together.descriptor[row], alone.descriptor[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(together.attention[row, :length], alone.attention[0], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(together.frame_weights[row, :length], alone.frame_weights[0])
        assert not together.attention[row, length:].any()
        assert not together.frame_weights[row, length:].any()


def test_padding_does_not_change_batch_statistics() -> None:
    clips = random_clips(frames=4)
    clips[:, 2:] = 1e6
    padded, plain = network(dropout=0.0).train(), network(dropout=0.0).train()

    padded(clips, torch.tensor([2, 2]))
    plain(clips[:, :2])

    for name, value in padded.backbone.state_dict().items():
        torch.testing.assert_close(value, plain.backbone.state_dict()[name])


def test_image_is_a_clip_of_one_frame() -> None:
    encoding = network().eval()(random_clips(frames=1))

    assert encoding.descriptor.shape == (2, 60)
    assert encoding.frame_weights.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"attn_input": "gap", "attn_hidden": 3},
        {"attn_input": "conv1x1"},
        {"spatial_attention": "uniform", "temporal_pool": "avg"},
        {"temporal_pool": "max", "h0": "zeros"},
        {"init": "uniform", "finetune_backbone": False},
    ],
    ids=str,
)
def test_gradients_reach_every_trained_parameter(settings: dict[str, Any]) -> None:
    net = network(**settings).train()
    encoding = net(random_clips(batch=4))
    first, second = encoding.descriptor.chunk(2)
    loss = siamese_loss(net.similarity(first, second), torch.tensor([True, False]), encoding.attention)
    loss.total.backward()

    trained = {id(parameter) for group in net.parameter_groups() for parameter in group["params"]}
    for name, parameter in net.named_parameters():
        assert (id(parameter) in trained) == parameter.requires_grad, name
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name
        else:
            assert parameter.grad is None, name


def test_trained_backbone_has_its_own_learning_rate() -> None:
    groups = network(lr=0.1, backbone_lr=0.01).parameter_groups()

    assert [group["lr"] for group in groups] == [0.1, 0.01]
    assert len(network(finetune_backbone=False).parameter_groups()) == 1


def test_loss_does_not_depend_on_the_branch_order() -> None:
    net, clips = network().eval(), random_clips(batch=4)
    same = torch.tensor([True, False])

    def loss(clips: Tensor) -> Tensor:
        encoding = net(clips)
        return siamese_loss(net.similarity(*encoding.descriptor.chunk(2)), same, encoding.attention).total

    torch.testing.assert_close(loss(clips), loss(clips.roll(2, 0)))


def test_dropout_does_not_act_on_the_recurrent_path() -> None:
    net = network(dropout=0.7, finetune_backbone=False)
    clips = random_clips(frames=6)
    with torch.no_grad():
        quiet = net.eval()(clips, with_states=True).states
        noisy = net.train()(clips, with_states=True).states
    assert quiet is not None
    assert noisy is not None

    dropped = noisy == 0
    assert 0.6 < dropped.float().mean() < 0.8
    # one layer reads no dropped state but its own, which must therefore be complete: kept entries are scaled, no more
    last_only = AttentiveStack(
        dataclasses.replace(TINY, channels=(5,), kernels=(3,), dropout=0.7), 64, (4, 3)
    )
    cube = torch.randn(1, 6, 64, 4, 3)
    with torch.no_grad():
        states, attention = last_only.eval()(cube, None)
        thinned, same_attention = last_only.train()(cube, None)
    kept = thinned != 0
    torch.testing.assert_close(thinned[kept], (states / 0.3)[kept])
    torch.testing.assert_close(attention, same_attention)


def test_initial_states_depend_on_the_mean_feature() -> None:
    torch.manual_seed(0)
    initialiser, feature = StateInitialiser(7, (4, 6)), torch.randn(3, 7)
    first, second = initialiser(feature)

    inner, _, outer, _ = initialiser.perceptrons[1]
    assert first.shape == (3, 4, 1, 1)
    torch.testing.assert_close(second[..., 0, 0], torch.tanh(outer(torch.tanh(inner(feature)))))
    assert not inner.bias.any()
    assert not outer.bias.any()


def test_fisher_networks_train_on_states_and_match_fisher_vectors() -> None:
    net = network(temporal_pool="fisher", fv_components=2, fv_norm="power_l2")
    clips = random_clips(batch=3, frames=6)
    assert net.train()(clips).descriptor.shape == (3, 60)
    with pytest.raises(WeightsError, match="not fitted"):
        net.eval()(clips)

    lengths = torch.tensor([6, 2, 5])
    with torch.no_grad():
        vectors = net.frame_vectors(clips, lengths)
        assert net.fisher is not None
        net.fisher.set_mixture(fit_fisher(vectors, 2, seed=0))
        descriptor = net(clips, lengths).descriptor

    assert vectors.shape == (13, 5)
    assert descriptor.shape == (3, 2 * 2 * 5)
    torch.testing.assert_close(descriptor.norm(dim=1), torch.ones(3))
    restored = network(temporal_pool="fisher", fv_components=2, fv_norm="power_l2").eval()
    restored.load_state_dict(net.state_dict())
    assert torch.equal(restored(clips, lengths).descriptor, descriptor)


def test_fisher_vectors_can_use_flattened_states() -> None:
    net = network(temporal_pool="fisher", fv_input="flatten", fv_components=2, frame_norm="l2").eval()

    vectors = net.frame_vectors(random_clips())

    assert vectors.shape == (6, 60)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(6))


def test_norm_settings_normalise_frames_and_descriptors() -> None:
    clips = random_clips()
    assert network().eval()(clips).descriptor.norm(dim=1).max() != 1
    torch.testing.assert_close(network(video_norm="l2").eval()(clips).descriptor.norm(dim=1), torch.ones(2))

    one_frame = network(frame_norm="l2").eval()(clips[:, :1]).descriptor
    torch.testing.assert_close(one_frame.norm(dim=1), torch.ones(2))


def test_weights_and_descriptors_are_float32_in_half_precision() -> None:
    net = network().eval()
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        encoding = net(random_clips())

    assert encoding.attention.dtype == encoding.descriptor.dtype == torch.float32
    torch.testing.assert_close(encoding.attention.sum(2), torch.ones(2, 3))


def test_restored_network_encodes_like_the_original() -> None:
    net, clips = network().eval(), random_clips()
    restored = SiameseConvGRU(TINY, load_weights=False).eval()
    restored.load_state_dict(net.state_dict())

    assert torch.equal(net(clips).descriptor, restored(clips).descriptor)


def test_training_steps_lower_the_loss() -> None:
    net, clips = network(dropout=0.0).train(), random_clips(batch=8)
    same = torch.tensor([True, False, True, False])
    optimizer = torch.optim.RMSprop(net.parameter_groups())
    losses = []
    for _ in range(8):
        encoding = net(clips)
        loss = siamese_loss(net.similarity(*encoding.descriptor.chunk(2)), same, encoding.attention)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        losses.append(loss.cross_entropy.item())

    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(
    "name", ["oursg-5-5", pytest.param("oursv-5-5", marks=pytest.mark.slow), "googlenet-fc-gru"]
)
def test_forward_and_backward_run_at_the_sizes_of_the_paper(name: str) -> None:
    torch.manual_seed(0)
    net = SiameseConvGRU(dataclasses.replace(PRESETS[name], weights="none")).train()
    encoding = net(torch.randn(2, 2, 3, 224, 224))
    logits = net.similarity(*encoding.descriptor.chunk(2))
    siamese_loss(logits, torch.tensor([True]), encoding.attention).total.backward()

    locations = 1 if "fc" in name else 49
    assert encoding.attention.shape == (2, 2, locations)
    assert encoding.descriptor.shape == (2, 256 * locations)
    gradients = [parameter.grad for group in net.parameter_groups() for parameter in group["params"]]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
