"""People in three dimensions: who they are, and their surfaces while they walk."""

from __future__ import annotations

from reidbench.datasets.synthetic.people.appearance import Appearance
from reidbench.datasets.synthetic.people.draw import draw_appearance, draw_people
from reidbench.datasets.synthetic.people.figure import Facets, Figure, concat_facets
from reidbench.datasets.synthetic.people.mesh import Part
from reidbench.datasets.synthetic.people.variety import VARIETY, Variety

__all__ = [
    "VARIETY",
    "Appearance",
    "Facets",
    "Figure",
    "Part",
    "Variety",
    "concat_facets",
    "draw_appearance",
    "draw_people",
]
