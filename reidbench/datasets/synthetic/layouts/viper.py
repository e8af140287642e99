"""VIPeR layout: two cameras, one image per person and camera."""

from __future__ import annotations

import numpy as np

from reidbench.datasets.masks import mask_files
from reidbench.datasets.synthetic.cameras import CAMERAS
from reidbench.datasets.synthetic.counts import resolve_people
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, derive_layout_seed, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings

NAME = "viper"
_PEOPLE = 632
# Person numbers have three digits.
_NUMBER_COUNT = 1_000
# Mean number of people between two unused numbers.
_GAPS = 3
_ANGLES = (0, 45, 90, 135, 180)
_SIZE = (48, 128)


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the images of both cameras, at different angles."""
    seed = derive_layout_seed(NAME, settings.seed)
    rng = make_rng(Stream.LABELS, seed)
    people = resolve_people(settings, official=_PEOPLE, minimum=2, maximum=_NUMBER_COUNT)
    numbers = np.sort(
        rng.choice(min(people + people // _GAPS, _NUMBER_COUNT), people, replace=False)
    ).tolist()
    jobs = []
    for index, (person, number) in enumerate(zip(draw_people(seed, people), numbers, strict=True)):
        angles = rng.choice(_ANGLES, len(CAMERAS), replace=False).tolist()
        for camera, letter, angle in zip(CAMERAS, "ab", angles, strict=True):
            image = f"VIPeR/cam_{letter}/{number:03d}_{angle}"
            jobs.append(
                TrackJob(
                    person=person,
                    camera=camera,
                    index=index,
                    seed=seed,
                    frames=(f"{image}.bmp",),
                    masks=mask_files([f"{image}.bmp"]) if settings.masks else None,
                    size=_SIZE,
                )
            )
    return TreePlan(jobs=jobs)


LAYOUT = Layout(name=NAME, folder=NAME, people=_PEOPLE, lengths=None, plan=plan_tree)
