"""Embedding for all audits together: frames are decoded once, and a block of tracklets is in memory at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from reidbench.datasets import DatasetContents, FrameLoader, FrameWindow, TrackletView, make_views
from reidbench.datasets.hidden_facts import FactSource
from reidbench.datasets.tracklets import IntArray
from reidbench.errors import MissingFactError
from reidbench.plugin import Embeddings, Method
from reidbench.progress import progress_bar
from reidbench.runner.calls import call_embed

# Tracklets per block. All audits read a block before the next one.
BLOCK = 32
# In bytes: enough for the frames of a block.
LOADER_MEMORY = 512 << 20
log = logging.getLogger(__name__)
Item = tuple[int, FrameWindow]


@dataclass
class EmbeddedItems:
    """The embeddings of one audit.

    Attributes:
        method: the audit.
        index: position of each item in the blocks.
        missing: why the audit cannot be computed on this dataset; None if it was.
    """

    method: Method
    index: dict[Item, int] = field(default_factory=dict)
    missing: str | None = None
    _blocks: list[Embeddings] = field(default_factory=list)
    _all: Embeddings | None = None

    def add(self, items: Sequence[Item], views: Sequence[TrackletView]) -> None:
        """Embed a block of items."""
        try:
            self._blocks.append(call_embed(self.method, views))
        except MissingFactError as error:
            self.missing = str(error)
            return
        self.index |= {item: len(self.index) + row for row, item in enumerate(items)}

    def select(self, rows: IntArray, window: FrameWindow) -> Embeddings:
        """Return the embeddings of rows of the table, seen through a window."""
        if self._all is None:
            self._all, self._blocks = _concat(self._blocks), []
        chosen = torch.tensor([self.index[row, window] for row in rows.tolist()])
        lengths = self._all.lengths
        return Embeddings(
            values=self._all.values[chosen], lengths=None if lengths is None else lengths[chosen]
        )


def embed_items(
    methods: Mapping[str, Method], contents: DatasetContents, items: Sequence[Item], *, shown: bool
) -> dict[str, EmbeddedItems]:
    """Embed items with every method, block by block.

    Args:
        methods: audits by name.
        contents: the dataset.
        items: rows of its table, each with the window through which a method sees it.
        shown: whether to draw a progress bar.

    Raises:
        PluginError: an audit failed.
        FrameError: a frame cannot be read.
    """
    embedded = {name: EmbeddedItems(method) for name, method in methods.items()}
    facts = FactSource(contents)
    with progress_bar("audit", len(items), shown=shown) as advance:
        for block in _cut(items):
            loader = FrameLoader(LOADER_MEMORY)
            loader.allow(contents.frame_formats)
            for one in embedded.values():
                if one.missing is None:
                    one.add(block, _make_views(contents, block, loader, one.method, facts))
            advance(len(block))
    return embedded


def _cut(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BLOCK):
        yield items[start : start + BLOCK]


def _make_views(
    contents: DatasetContents, items: Sequence[Item], loader: FrameLoader, method: Method, facts: FactSource
) -> list[TrackletView]:
    return [
        make_views(
            contents.table,
            np.array([row]),
            loader,
            window,
            with_camera=method.uses_camera,
            # As a run does, so that both give the same figures.
            digests=contents.row_digests,
            facts=facts if method.uses_hidden_facts else None,
        )[0]
        for row, window in items
    ]


def _concat(blocks: Sequence[Embeddings]) -> Embeddings:
    if blocks[0].lengths is None:
        return Embeddings(values=torch.cat([block.values for block in blocks]))
    width = max(block.values.shape[1] for block in blocks)
    padded = [
        torch.nn.functional.pad(block.values, (0, 0, 0, width - block.values.shape[1])) for block in blocks
    ]
    lengths = [block.lengths for block in blocks if block.lengths is not None]
    return Embeddings(values=torch.cat(padded), lengths=torch.cat(lengths))
