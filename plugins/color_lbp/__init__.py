"""color-lbp: striped colour histograms and local binary patterns, averaged over frames."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import MethodSpec, hookimpl


@hookimpl
def reidbench_methods() -> Sequence[MethodSpec]:
    """Return the method of this plugin."""
    return [
        MethodSpec(
            name="color-lbp",
            target=f"{__name__}.method:ColorLbp",
            summary="Colour histograms and LBP in stripes, averaged over frames (Xiong et al., ECCV 2014)",
        )
    ]
