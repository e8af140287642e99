from __future__ import annotations

import torch

from reidbench.nn import normalize_clips, stack_clips


def clip(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(height)
    return torch.randint(256, (2, height, width, 3), generator=generator, dtype=torch.uint8)


def test_clips_of_equal_size_are_stacked_unchanged() -> None:
    assert torch.equal(stack_clips([clip(8, 4), clip(8, 4)], (16, 8))[1], clip(8, 4))


def test_clips_of_different_sizes_are_resized() -> None:
    batch = stack_clips([clip(8, 4), clip(16, 8)], (16, 8))

    assert batch.shape == (2, 2, 16, 8, 3)
    assert batch.dtype == torch.uint8
    assert torch.equal(batch[1], clip(16, 8))
    alone = normalize_clips(clip(8, 4)[None], (16, 8))
    # The batch is rounded to integers.
    torch.testing.assert_close(normalize_clips(batch, (16, 8))[:1], alone, atol=0.02, rtol=0)
