"""siamese-convgru: the deep Siamese attention network of Wu et al., TMM 2018."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import MethodSpec, hookimpl


@hookimpl
def reidbench_methods() -> Sequence[MethodSpec]:
    """Return the method of this plugin."""
    return [
        MethodSpec(
            name="siamese-convgru",
            target=f"{__name__}.method:SiameseConvGru",
            summary="Siamese ConvGRU with spatial and temporal attention (Wu et al., TMM 2018)",
            modality="video",
        )
    ]
