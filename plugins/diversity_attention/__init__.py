"""diversity-attention: the diversity-regularised spatiotemporal attention of Li et al., CVPR 2018."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import MethodSpec, hookimpl


@hookimpl
def reidbench_methods() -> Sequence[MethodSpec]:
    """Return the method of this plugin."""
    return [
        MethodSpec(
            name="diversity-attention",
            target=f"{__name__}.method:DiversityAttention",
            summary="Diversity-regularised spatial and temporal attention (Li et al., CVPR 2018)",
            modality="video",
        )
    ]
