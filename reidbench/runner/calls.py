"""The only calls of a method: every one is guarded, and what it returns is checked.

A method can raise or return anything. All functions here raise a PluginError, or an error that the method raises on
purpose, such as ConfigError.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from reidbench.datasets import TrackletView, TrainingSet
from reidbench.errors import PluginError, quote
from reidbench.evaluation import PairScorer
from reidbench.plugin import Attention, Embeddings, FitJob, Method, Runtime
from reidbench.plugin.guard import guard_plugin

# Characters of the identity of pretrained weights.
_MAX_DIGEST = 200


def create_method(method_class: type[Method], config: Any, runtime: Runtime) -> Method:
    """Return a new object of a method."""
    with guard_plugin(method_class.name, "__init__"):
        method = method_class(config, runtime)
        if getattr(method, "runtime", None) is runtime:
            return method
    raise PluginError(
        f"method '{method_class.name}' must keep its config and runtime; call `super().__init__(config, runtime)` in "
        "`__init__`"
    )


def prepare_method(method: Method) -> str | None:
    """Check what needs no data; return the identity of the pretrained weights, None without them."""
    with guard_plugin(method.name, "prepare"):
        method.prepare()
    with guard_plugin(method.name, "weights_digest"):
        weights = method.weights_digest()
    if weights is None or (isinstance(weights, str) and 0 < len(weights) <= _MAX_DIGEST):
        return weights
    raise _wrong_type(method, "weights_digest", f"a text of 1 to {_MAX_DIGEST} characters or None", weights)


def fit_once(method: Method, train: TrainingSet, job: FitJob) -> float | None:
    """Fit a method; return the seconds that it reports, None if it reports none."""
    with guard_plugin(method.name, "fit"):
        seconds = method.fit(train, job)
        if seconds is None:
            return None
        if isinstance(seconds, Real) and not isinstance(seconds, bool) and 0 <= seconds < math.inf:
            return float(seconds)
    raise _wrong_type(method, "fit", "the seconds as a number of at least 0, or None", seconds)


def read_state(method: Method) -> dict[str, Any]:
    """Return the fitted state; what a file cannot keep is found when it is saved."""
    with guard_plugin(method.name, "state"):
        state = method.state()
        if isinstance(state, Mapping):
            return dict(state)
    raise _wrong_type(method, "state", "a mapping", state)


def restore_method(method: Method, state: Mapping[str, Any]) -> None:
    """Restore a fitted state."""
    with guard_plugin(method.name, "restore"):
        method.restore(state)


def needs_fit_to_match(method: Method) -> bool:
    """Return whether the distance of a method reads its fitted state."""
    with guard_plugin(method.name, "needs_fit_to_match"):
        needed = method.needs_fit_to_match()
    if isinstance(needed, bool):
        return needed
    raise _wrong_type(method, "needs_fit_to_match", "true or false", needed)


def call_embed(method: Method, views: Sequence[TrackletView]) -> Embeddings:
    """Return the embeddings of views."""
    with guard_plugin(method.name, "embed"):
        embeddings = method.embed(views)
        _check_embeddings(method, embeddings, len(views))
        return embeddings


def make_scorer(method: Method, query: Embeddings, gallery: Embeddings) -> PairScorer:
    """Return the function that computes blocks of the distances of a method."""
    with guard_plugin(method.name, "pair_scorer"):
        scorer = method.pair_scorer(query, gallery)
        if not callable(scorer):
            raise _wrong_type(method, "pair_scorer", "a function of two slices", scorer)

    def score(rows: slice, columns: slice) -> Tensor:
        with guard_plugin(method.name, "distance"):
            distances = scorer(rows, columns)
            expected = (rows.stop - rows.start, columns.stop - columns.start)
            _check_distances(method, distances, expected)
            return distances

    return score


def call_attention(method: Method, views: Sequence[TrackletView]) -> list[Attention]:
    """Return the attention in each view; the shapes of its tensors are not checked."""
    with guard_plugin(method.name, "attention"):
        returned = method.attention(views)
        attentions = list(islice(returned, len(views) + 1))
        if len(attentions) != len(views):
            raise PluginError(
                f"method '{method.name}' must return attention for {len(views)} tracklets, got "
                f"{'more' if len(attentions) > len(views) else len(attentions)}"
            )
        for attention in attentions:
            if not isinstance(attention, Attention):
                raise _wrong_type(method, "attention", "a list of Attention", attention)
            optional = [value for value in (attention.spatial, attention.temporal) if value is not None]
            for values in (attention.frames, *optional):
                _check_dense(method, "attention", values)
        return attentions


def call_alignment(method: Method, query: TrackletView, gallery: TrackletView) -> Tensor:
    """Return the attention (S, T) of each vector of a query to those of a gallery item."""
    with guard_plugin(method.name, "alignment"):
        weights = method.alignment(query, gallery)
        _check_dense(method, "alignment", weights)
        if weights.ndim != 2 or not bool(torch.isfinite(weights).all()):
            raise PluginError(
                f"alignment of method '{method.name}' must be finite and have the shape (S, T), got "
                f"{_describe(weights)}"
            )
        return weights


def has_own_distance(method: Method) -> bool:
    """Return whether a method replaces the Euclidean distance."""
    method_class = type(method)
    return method_class.distance is not Method.distance or method_class.pair_scorer is not Method.pair_scorer


def _check_embeddings(method: Method, embeddings: Any, count: int) -> None:
    """Raise a PluginError if embeddings do not have the documented shape, type and range."""
    if not isinstance(embeddings, Embeddings):
        raise _wrong_type(method, "embed", "Embeddings", embeddings)
    values = embeddings.values
    _check_dense(method, "embed", values)
    axes = 2 + (embeddings.views is not None) + (embeddings.lengths is not None)
    if values.ndim != axes or len(values) != count or 0 in values.shape or not values.is_floating_point():
        raise PluginError(
            f"method '{method.name}' must embed {count} tracklets as floating-point values with {axes} axes, "
            f"got {_describe(values)}"
        )
    _check_counts(method, "views", embeddings.views, values.shape[1], count)
    _check_counts(method, "vectors", embeddings.lengths, values.shape[-2], count)
    # The store keeps float32; larger float64 values would become infinite.
    for kept, requirement in ((values, "finite embeddings"), (values.float(), "embeddings that fit float32")):
        rows = (~torch.isfinite(kept).flatten(1).all(1)).nonzero()
        if len(rows):
            row = int(rows[0])
            raise PluginError(
                f"method '{method.name}' must return {requirement}, got {float(values[row].abs().max()):.3g} in row "
                f"{row}"
            )


def _check_counts(method: Method, what: str, numbers: Tensor | None, limit: int, count: int) -> None:
    if numbers is None:
        return
    _check_dense(method, "embed", numbers)
    is_integer = not (numbers.is_floating_point() or numbers.is_complex() or numbers.dtype == torch.bool)
    if not is_integer or numbers.shape != (count,):
        raise PluginError(
            f"method '{method.name}' must return the number of {what} as {count} integers, got {_describe(numbers)}"
        )
    if not bool(((numbers >= 1) & (numbers <= limit)).all()):
        raise PluginError(
            f"method '{method.name}' must return between 1 and {limit} {what} per tracklet, got "
            f"{quote(numbers.tolist())}"
        )


def _check_distances(method: Method, distances: Any, expected: tuple[int, int]) -> None:
    _check_dense(method, "distance", distances)
    if distances.shape != expected or not distances.is_floating_point():
        raise PluginError(
            f"method '{method.name}' must return floating-point distances of shape {expected}, got "
            f"{_describe(distances)}"
        )
    if not bool(torch.isfinite(distances).all()):
        row, column = (~torch.isfinite(distances)).nonzero()[0].tolist()
        raise PluginError(
            f"method '{method.name}' must return finite distances, got {float(distances[row, column])} in row {row}, "
            f"column {column} of a block"
        )


def _check_dense(method: Method, action: str, value: Any) -> None:
    """Raise a PluginError if a value is not a tensor with all its numbers in memory."""
    if not isinstance(value, Tensor):
        raise _wrong_type(method, action, "a tensor", value)
    if value.layout != torch.strided or value.is_quantized or value.is_meta:
        kind = "meta" if value.is_meta else "quantized" if value.is_quantized else value.layout
        raise PluginError(
            f"method '{method.name}' must return dense tensors from {action}, got a {kind} tensor"
        )


def _wrong_type(method: Method, action: str, expected: str, value: Any) -> PluginError:
    return PluginError(
        f"method '{method.name}' must return {expected} from {action}, got {quote(value)} of type "
        f"{quote(type(value).__name__)[1:-1]}"
    )


def _describe(value: Tensor) -> str:
    return f"shape {tuple(value.shape)} of {value.dtype}"
