"""Small trees of noise in which one planted property identifies people, and audits of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from reidbench.audit.data import AuditedData, find_protocol
from reidbench.audit.embedding import EmbeddedItems, embed_items
from reidbench.audit.run import create_audit, list_tested, score, windows_of
from reidbench.datasets import DatasetContents, TrackletTable
from reidbench.datasets.masks import mask_file
from reidbench.plugin.manager import Plugins
from reidbench.plugin.specs import is_audit
from reidbench.protocols.trials import Sides, Trial

PEOPLE = 20
PLUGINS = Plugins()
# Those of colour and texture are slow, and have tests of their own.
FAST = [name for name in PLUGINS.methods if is_audit(name) and "color-lbp" not in name]


def paint_noise(person: int, random: np.random.Generator) -> Any:
    """Return four frames of coarse noise that has nothing to do with the person."""
    return grow(random.integers(0, 256, (4, 16, 8, 3)))


def grow(cells: Any) -> Any:
    """Return frames (T, 128, 64, 3) of cells (T, 16, 8, 3)."""
    return np.repeat(np.repeat(np.asarray(cells), 8, axis=1), 8, axis=2).clip(0, 255).astype(np.uint8)


@dataclass
class World:
    """A tree of 20 people in two cameras, all of them tested.

    Attributes:
        paint: returns the frames of a tracklet.
        number: number in the name of the first frame of a person; None uses random ones.
        cameras: the two cameras of a person.
        padding: bytes that are added to the files of a person.
        mask: returns the masks of a tracklet; None writes none.
        is_sorted: whether the items of a person follow each other in the table.
    """

    folder: Path
    paint: Callable[[int, np.random.Generator], Any] = paint_noise
    number: Callable[[int], int] | None = None
    cameras: Callable[[int], tuple[int, int]] = lambda person: (1, 2)
    padding: Callable[[int], int] = lambda person: 0
    mask: Callable[[int, np.random.Generator], Any] | None = None
    is_sorted: bool = False
    rows: list[tuple[int, int, str, tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        random = np.random.default_rng(3)
        for person in range(1, PEOPLE + 1):
            for view, camera in enumerate(self.cameras(person)):
                start = int(random.integers(1, 9000)) if self.number is None else self.number(person)
                self.rows.append((person, camera, f"c{view}", self._write(person, view, start)))

    def _write(self, person: int, view: int, start: int) -> tuple[str, ...]:
        frames = self.paint(person, np.random.default_rng([person, view]))
        masks = None if self.mask is None else self.mask(person, np.random.default_rng([person, view, 9]))
        names = tuple(f"p{person}c{view}_{start + number:05}.png" for number in range(len(frames)))
        (self.folder / f"c{view}").mkdir(parents=True, exist_ok=True)
        (self.folder / f"masks/c{view}").mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            path = self.folder / f"c{view}" / name
            Image.fromarray(frames[number]).save(path, compress_level=0)
            with path.open("ab") as file:
                file.write(bytes(self.padding(person)))
            if masks is not None:
                Image.fromarray(masks[number]).save(self.folder / mask_file(f"c{view}/{name}"))
        return names

    @property
    def data(self) -> AuditedData:
        """The tree under the rules of iLIDS-VID, in one trial."""
        rows = self.rows
        if self.is_sorted:
            # Rows of people who are not tested are between the others.
            rows = [
                row for pair in zip(rows[::2], rows[1::2], strict=True) for row in (*pair, (-1, *pair[0][1:]))
            ]
        else:
            rows = rows[::2] + rows[1::2]
        table = TrackletTable.of(self.folder, rows)
        marker: Any = None if self.mask is None else SimpleNamespace(parameters={"masks": True})
        contents = DatasetContents(table, marker=marker)
        # Those of the files would be compared with the marker.
        contents.__dict__["row_digests"] = table.names
        sides = [
            np.array([row for row in range(len(rows)) if rows[row][0] > 0 and rows[row][2] == name])
            for name in ("c0", "c1")
        ]
        trial = Trial(0, sides[0][:0], (Sides(sides[0], sides[1]),))
        return AuditedData(find_protocol("ilids", PLUGINS), contents, (trial,), False)

    def embed(self, names: Iterable[str] = FAST) -> dict[str, EmbeddedItems]:
        """Return the embeddings of audits."""
        data = self.data
        methods = {name: create_audit(PLUGINS.method(name)) for name in names}
        return embed_items(methods, data.contents, list_tested(data, windows_of(data)), shown=False)

    def audit(self, names: Iterable[str] = FAST) -> dict[str, float]:
        """Return the rank-1 of audits by their short names; chance is 0.05."""
        data = self.data
        return {
            name.removeprefix("audit-"): score(data.trials[0], one, data, windows_of(data)).cmc(1)
            for name, one in self.embed(names).items()
            if one.missing is None
        }
