"""VIPeR layout: two cameras, one image per person and camera."""

from __future__ import annotations

import numpy as np

from reidbench.datasets.synthetic.cameras import CAMERAS
from reidbench.datasets.synthetic.label_sampling import resolve_people
from reidbench.datasets.synthetic.layout import Layout, TreePlan
from reidbench.datasets.synthetic.people import draw_people
from reidbench.datasets.synthetic.rendering import plan_track
from reidbench.datasets.synthetic.seeding import Stream, make_rng
from reidbench.datasets.synthetic.settings import SyntheticSettings, derive_layout_settings

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
    settings = derive_layout_settings(NAME, settings)
    rng = make_rng(Stream.LABELS, settings.seed)
    people = resolve_people(settings, official=_PEOPLE, minimum=2, maximum=_NUMBER_COUNT)
    pool = min(people + people // _GAPS, _NUMBER_COUNT)
    numbers = np.sort(rng.choice(pool, people, replace=False)).tolist()
    jobs = []
    for index, (person, number) in enumerate(zip(draw_people(settings.seed, people), numbers, strict=True)):
        angles = rng.choice(_ANGLES, len(CAMERAS), replace=False).tolist()
        for camera, letter, angle in zip(CAMERAS, "ab", angles, strict=True):
            image = f"VIPeR/cam_{letter}/{number:03d}_{angle}.bmp"
            jobs.append(plan_track(settings, index, person, camera, [image], size=_SIZE))
    return TreePlan(jobs=jobs)


LAYOUT = Layout(name=NAME, folder=NAME, people=_PEOPLE, lengths=None, plan=plan_tree)
