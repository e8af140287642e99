"""conv-attention: video-based convolutional attention, Zamprogno et al., ICIAP 2019."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import MethodSpec, hookimpl


@hookimpl
def reidbench_methods() -> Sequence[MethodSpec]:
    """Return the method of this plugin."""
    return [
        MethodSpec(
            name="conv-attention",
            target=f"{__name__}.method:ConvAttention",
            summary="Siamese network with an attentive ConvLSTM (Zamprogno et al., ICIAP 2019)",
            modality="video",
        )
    ]
