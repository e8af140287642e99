"""duatm: the dual attention matching network of Si et al., CVPR 2018."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import MethodSpec, hookimpl


@hookimpl
def reidbench_methods() -> Sequence[MethodSpec]:
    """Return the method of this plugin."""
    return [
        MethodSpec(
            name="duatm",
            target=f"{__name__}.method:DuAtm",
            summary="Dual attention matching of feature sequences (Si et al., CVPR 2018)",
            modality="both",
        )
    ]
