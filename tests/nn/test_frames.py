from __future__ import annotations

import torch

from reidbench.nn import as_input, stack_clips


def clip(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height)
    return torch.randint(256, (2, height, width, 3), generator=generator, dtype=torch.uint8)


def test_clips_of_one_size_are_stacked_as_they_are() -> None:
    assert torch.equal(stack_clips([clip(8, 4), clip(8, 4)], (16, 8))[1], clip(8, 4))


def test_clips_of_several_sizes_are_brought_to_the_networks() -> None:
    both = stack_clips([clip(8, 4), clip(16, 8)], (16, 8))

    assert both.shape == (2, 2, 16, 8, 3)
    assert both.dtype == torch.uint8
    assert torch.equal(both[1], clip(16, 8))
    alone = as_input(clip(8, 4)[None], (16, 8))
    torch.testing.assert_close(
        as_input(both, (16, 8))[:1], alone, atol=0.02, rtol=0
    )  # rounded to whole levels
