"""Embedding of the items of a trial: all sides and windows together, in the order of their anonymous ids."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor

from reidbench.datasets import TrackletView, make_views
from reidbench.datasets.tracklets import IntArray
from reidbench.datasets.views import FrameWindow
from reidbench.features import Block, FeatureStore
from reidbench.plugin import Embeddings, Method
from reidbench.progress import progress_bar
from reidbench.runner.calls import call_embed
from reidbench.runner.isolation import start_isolated_embedding
from reidbench.runner.stability import RepeatCount, check_repeats

if TYPE_CHECKING:
    from reidbench.runner.trial import TaskContext

# Items per call of `embed`; a kill during embedding loses at most one block.
BLOCK = 32
EmbedFunction = Callable[[Sequence[TrackletView]], Embeddings]


@dataclass(frozen=True)
class Part:
    """Rows of the tested table that a trial embeds through one window, and their feature key."""

    rows: IntArray
    window: FrameWindow
    key: str


@dataclass(frozen=True)
class Embedded:
    """The embeddings of a trial.

    Attributes:
        parts: the embeddings of each part, in the order of its rows.
        seconds: time of each block, by feature key and block.
        item_bytes: mean bytes of the embedding of an item, by feature key.
        environments: machine and software that computed the embeddings, as JSON, each once.
        is_computed: whether the method embedded anything; otherwise the cache had all items.
    """

    parts: list[Embeddings]
    seconds: Mapping[str, float]
    item_bytes: Mapping[str, float]
    environments: Sequence[str]
    is_computed: bool


@dataclass(frozen=True)
class _Item:
    """One row seen through one window; the store of its feature key addresses it by the row digest."""

    key: str
    digest: str
    row: int
    window: FrameWindow
    view: TrackletView


def embed_parts(
    parts: Sequence[Part],
    context: TaskContext,
    *,
    seed: int,
    fit: str,
    fitted: Path,
    get_method: Callable[[], Method],
) -> Embedded:
    """Embed the parts of a trial; items in the cache are not embedded again.

    Args:
        parts: of all sides; they may overlap.
        context: what all tasks of the run share.
        seed: the run's seed, for random test windows.
        fit: fit key.
        fitted: file of the fitted method.
        get_method: returns the fitted method; called only if an item is missing.

    Raises:
        PluginError: the method failed or returned invalid values.
    """
    row_digests, cache = context.plan.contents.row_digests, context.cache
    name = context.plan.choice.method_class.name
    stores: dict[str, FeatureStore] = {}
    with ExitStack() as locks:
        # Sorted, so that two runs never wait for each other.
        for key in sorted({part.key for part in parts}):
            folder = cache.features(key)
            locks.enter_context(cache.lock(folder))
            context.delete_on_first_use(folder)
            stores[key] = FeatureStore(folder, {"feature_key": key, "method": name, "fit": fit})
        items = _list_items(parts, context, seed)
        is_computed = _embed_missing(items, stores, context, get_method, fit=fit, fitted=fitted)
    found: list[Embeddings] = []
    seconds: dict[str, float] = {}
    item_bytes: dict[str, float] = {}
    environments: dict[str, None] = {}
    for part in parts:
        digests = [row_digests[row] for row in part.rows.tolist()]
        store = stores[part.key]
        seconds |= {f"{part.key}/{block}": cost for block, cost in store.seconds(digests).items()}
        environments |= dict.fromkeys(store.environments(digests))
        embeddings = _read(store, digests, context.runtime.device)
        item_bytes.setdefault(part.key, _mean_item_bytes(embeddings))
        found.append(embeddings)
    return Embedded(found, seconds, item_bytes, list(environments), is_computed)


def _list_items(parts: Sequence[Part], context: TaskContext, seed: int) -> list[_Item]:
    """Return the items of all parts, each once, in the order of their ids."""
    contents = context.plan.contents
    with_camera = context.plan.choice.method_class.uses_camera
    items = {}
    for part in parts:
        views = make_views(
            contents.table,
            part.rows,
            context.loader,
            part.window,
            with_camera=with_camera,
            digests=contents.row_digests,
            key=part.key,
            seed=seed,
            facts=context.facts,
        )
        for row, view in zip(part.rows.tolist(), views, strict=True):
            items[view.id] = _Item(part.key, contents.row_digests[row], row, part.window, view)
    return [items[identifier] for identifier in sorted(items)]


def _embed_missing(
    items: Sequence[_Item],
    stores: Mapping[str, FeatureStore],
    context: TaskContext,
    get_method: Callable[[], Method],
    *,
    fit: str,
    fitted: Path,
) -> bool:
    """Embed the items that no store has; return whether there were any."""
    digests: dict[str, list[str]] = {key: [] for key in stores}
    for item in items:
        digests[item.key].append(item.digest)
    missing = {(key, digest) for key, store in stores.items() for digest in store.missing(digests[key])}
    if not missing:
        return False
    # Training has its own progress bar, so it comes before the bar of the embedding.
    method = get_method()
    repeats = context.repeats_of(fit)
    with (
        _start_embed(method, items, context, (fitted, fit)) as embed,
        progress_bar("embed", len(items), shown=context.runtime.progress) as advance,
    ):
        for start in range(0, len(items), BLOCK):
            # Blocks are cut from the full list, so an interrupted run resumes with the same blocks.
            block = items[start : start + BLOCK]
            chosen = [item for item in block if (item.key, item.digest) in missing]
            if chosen:
                _embed_block(method, embed, chosen, stores, repeats, context.environment_json())
            advance(len(block))
    return True


@contextmanager
def _start_embed(
    method: Method, items: Sequence[_Item], context: TaskContext, fitted: tuple[Path, str]
) -> Iterator[EmbedFunction]:
    """Yield the function that embeds views in one call: of the method, or of a process of its own."""
    if not context.plan.choice.request.isolate:
        yield lambda views: call_embed(method, views)
        return
    table = context.plan.contents.table
    files = {item.view.id: item.window.of(table.files(item.row)) for item in items}
    with start_isolated_embedding(
        context, [item.view for item in items], files, fitted if method.learns else None
    ) as isolated:
        yield isolated.embed


def _embed_block(
    method: Method,
    embed: EmbedFunction,
    items: Sequence[_Item],
    stores: Mapping[str, FeatureStore],
    repeats: RepeatCount,
    environment: str,
) -> None:
    """Embed items in one call and write them to the stores of their feature keys."""
    views = [item.view for item in items]
    started = time.monotonic()
    embeddings = embed(views)
    seconds = time.monotonic() - started
    # Before the block is written, so the cache never has embeddings that failed.
    check_repeats(method, views, embeddings, repeats.take(len(items)), embed)
    values = embeddings.values.detach().cpu().float().numpy()
    counts, lengths = _to_int64(embeddings.views), _to_int64(embeddings.lengths)
    for key in sorted({item.key for item in items}):
        rows = [row for row, item in enumerate(items) if item.key == key]
        block = Block(
            tuple(items[row].digest for row in rows),
            values[rows],
            None if counts is None else counts[rows],
            seconds * len(rows) / len(items),
            None if lengths is None else lengths[rows],
            environment,
        )
        stores[key].write(block)


def _read(store: FeatureStore, digests: Sequence[str], device: str) -> Embeddings:
    arrays = [None if array is None else torch.from_numpy(array) for array in store.read(digests)]
    values, views, lengths = [None if array is None else array.to(device) for array in arrays]
    return Embeddings(values=cast(Tensor, values), views=views, lengths=lengths)


def _to_int64(numbers: Tensor | None) -> IntArray | None:
    return None if numbers is None else numbers.cpu().numpy().astype(np.int64)


def _mean_item_bytes(embeddings: Embeddings) -> float:
    """Return the mean bytes of the float32 embedding of an item, without padding."""
    vectors = torch.ones(len(embeddings), dtype=torch.float64)
    for numbers in (embeddings.views, embeddings.lengths):
        if numbers is not None:
            vectors *= numbers.cpu().double()
    return float(vectors.mean()) * embeddings.values.shape[-1] * 4
