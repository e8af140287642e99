"""The datasets of reidbench, registered like those of third-party plugins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from reidbench.plugin import DatasetSpec, hookimpl

DUKE_WITHDRAWN = (
    "withdrawn by Duke University in June 2019 and no longer available; existing copies can be used under the licence "
    "(CC BY-NC-SA 4.0 with attribution)"
)


@hookimpl
def reidbench_datasets() -> Sequence[DatasetSpec]:
    """Return the first-party readers."""
    return [
        _spec(
            "ilids-vid:IlidsVid",
            "300 people, 2 airport cameras, one tracklet per person and camera (Wang et al., ECCV 2014)",
            "on request from the authors, academic use (project page at Queen Mary University of London)",
            status="restricted",
        ),
        _spec(
            "prid2011:Prid2011",
            "385 and 749 people, 2 outdoor cameras, 200 of them in both (Hirzer et al., SCIA 2011)",
            "free for research, from the Institute of Computer Graphics and Vision of TU Graz",
        ),
        _spec(
            "mars:Mars",
            "1,261 people, 6 campus cameras, 20,478 automatic tracklets (Zheng et al., ECCV 2016)",
            "research use, from the project page of Liang Zheng; index files in the repository MARS-evaluation",
        ),
        _spec(
            "dukemtmc-videoreid:DukeMtmcVideoReid",
            "1,812 people, 8 campus cameras, 4,832 tracklets (Wu et al., CVPR 2018)",
            DUKE_WITHDRAWN,
            folder="dukemtmc-vidreid",
            status="withdrawn",
        ),
        _spec(
            "lsvid:LsVid",
            "3,772 people, 15 cameras, 14,943 tracklets (Li et al., ICCV 2019)",
            "signed agreement with the PKU-VMC group (project page of the GLTR paper)",
            folder="ls-vid",
            status="restricted",
        ),
        _spec(
            "market1501:Market1501",
            "1,501 people, 6 campus cameras, 32,668 images (Zheng et al., ICCV 2015)",
            "research use, from the project page of Liang Zheng",
        ),
        _spec(
            "dukemtmc-reid:DukeMtmcReid",
            "1,812 people, 8 campus cameras, 36,411 images (Zheng et al., ICCV 2017)",
            DUKE_WITHDRAWN,
            status="withdrawn",
        ),
        _spec(
            "cuhk03:Cuhk03",
            "1,467 people, 5 camera pairs, detected and hand-drawn boxes (Li et al., CVPR 2014)",
            "request form of the CUHK Multimedia Laboratory, academic use",
            status="restricted",
        ),
        _spec(
            "viper:Viper",
            "632 people, 2 cameras, one image per person and camera (Gray et al., PETS 2007)",
            "free, from the vision page of UC Santa Cruz",
        ),
    ]


def _spec(
    name: str,
    summary: str,
    access: str,
    *,
    folder: str = "",
    status: Literal["open", "restricted", "withdrawn"] = "open",
) -> DatasetSpec:
    """Return the spec of "dataset:Reader"; the modules of reader and writer have the name of the dataset."""
    dataset, _, reader = name.partition(":")
    module = dataset.replace("-", "_")
    return DatasetSpec(
        name=dataset,
        target=f"reidbench.datasets.readers.{module}:{reader}",
        summary=summary,
        folder=folder or dataset,
        access=access,
        status=status,
        layout=f"reidbench.datasets.synthetic.layouts.{module}:LAYOUT",
    )
