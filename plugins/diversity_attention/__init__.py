"""diversity-attention: the diversity regularised spatiotemporal attention of Li et al., CVPR 2018."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import MethodSpec, hookimpl


@hookimpl
def reidbench_methods() -> Sequence[MethodSpec]:
    """Return the one method of this plugin."""
    return [
        MethodSpec(
            name="diversity-attention",
            target=f"{__name__}.method:DiversityAttention",
            summary="Several spatial attentions kept apart, temporal attention for each (Li et al., CVPR 2018)",
            modality="video",
        )
    ]
