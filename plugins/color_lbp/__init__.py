"""color-lbp: striped colour histograms and local binary patterns, averaged over frames."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import MethodSpec, hookimpl


@hookimpl
def reidbench_methods() -> Sequence[MethodSpec]:
    """Return the one method of this plugin."""
    return [
        MethodSpec(
            name="color-lbp",
            target=f"{__name__}.method:ColorLbp",
            summary="striped colour histograms + LBP, mean over frames (Xiong et al., ECCV 2014)",
        )
    ]
