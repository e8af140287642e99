"""Writes the layout of VIPeR: two cameras, one image of each person in each."""

from __future__ import annotations

import numpy as np

from reidbench.datasets.masks import mask_files
from reidbench.datasets.synthetic.cameras import CAMERAS
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import TrackJob
from reidbench.datasets.synthetic.seeding import Stream, layout_seed, stream
from reidbench.datasets.synthetic.settings import SyntheticSettings
from reidbench.datasets.synthetic.shares import chosen_people

NAME = "viper"
_PEOPLE = 632
_NUMBERS = 1_000  # three digits in the names
_GAPS = 3  # people in a row before one number is left out, on average
_ANGLES = (0, 45, 90, 135, 180)
_SIZE = (48, 128)


def plan_tree(settings: SyntheticSettings) -> TreePlan:
    """Return the images of both cameras; the angle differs between them."""
    seed = layout_seed(NAME, settings.seed)
    rng = stream(Stream.LABELS, seed)
    people = chosen_people(settings, official=_PEOPLE, least=2, most=_NUMBERS)
    numbers = np.sort(rng.choice(min(people + people // _GAPS, _NUMBERS), people, replace=False)).tolist()
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
