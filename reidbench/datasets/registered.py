"""The datasets reidbench brings, registered as a third party's would be."""

from __future__ import annotations

from collections.abc import Sequence

from reidbench.plugin import DatasetSpec, hookimpl


@hookimpl
def reidbench_datasets() -> Sequence[DatasetSpec]:
    """Return the first-party readers."""
    return [
        DatasetSpec(
            name="ilids-vid",
            target="reidbench.datasets.ilids_vid:IlidsVid",
            summary="300 people, 2 airport cameras, one tracklet each (Wang et al., ECCV 2014)",
            folder="ilids-vid",
            access="academic use, on request from the authors (project page at Queen Mary University of London)",
        )
    ]
