"""Checks of a method: what a run relies on, on small rendered data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from torch import Tensor

from reidbench.checkpoint import load_checkpoint, save_checkpoint
from reidbench.datasets import FrameLoader, TrackletView
from reidbench.errors import PluginError, ReidbenchError
from reidbench.plugin import Embeddings, FitJob, Method, Runtime
from reidbench.plugin.manager import Plugins
from reidbench.runner.calls import (
    call_embed,
    create_method,
    fit_once,
    make_scorer,
    prepare_method,
    read_state,
    restore_method,
)
from reidbench.runner.stability import cut_item, relative_difference, tolerance_of
from reidbench.testing.data import Kind, SmallData, render_small_data

_SEED = 7


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The result of one check.

    Attributes:
        check: what must hold.
        data: kind of data.
        result: a check is not run if an earlier one failed that it needs, or if it does not apply.
        reason: why the check failed or was not run, in one line.
    """

    check: str
    data: Kind
    result: Literal["passed", "failed", "not run"]
    reason: str = ""


class NotApplicableError(Exception):
    """Raised by a check that does not apply; the message is the reason."""


class MethodCase:
    """A method with its settings on small data; fitted once, when a check first needs it."""

    def __init__(
        self, method_class: type[Method], config: Any, runtime: Runtime, data: SmallData, folder: Path
    ) -> None:
        self.method_class, self.config, self.runtime, self.data = method_class, config, runtime, data
        self.name = method_class.name
        self.folder = folder
        self.loader = FrameLoader()
        self._fits = count()

    @cached_property
    def method(self) -> Method:
        """The fitted method."""
        return self.fit()

    @cached_property
    def views(self) -> list[TrackletView]:
        """The tested tracklets."""
        return self.make_views()

    @cached_property
    def embeddings(self) -> Embeddings:
        """The embeddings of all tested tracklets from one call."""
        return self.embed(self.views)

    def create(self) -> Method:
        """Return a new object of the method."""
        method = create_method(self.method_class, self.config, self.runtime)
        prepare_method(method)
        return method

    def fit(self) -> Method:
        """Return a new object, fitted in a new workspace with the same seed."""
        method = self.create()
        workspace = self.folder / f"fit-{next(self._fits)}"
        workspace.mkdir()
        job = FitJob(seed=_SEED, workspace=workspace, fingerprint="check")
        fit_once(method, self.data.training_set(self.loader), job)
        return method

    def save_and_restore(self) -> Method:
        """Return a new object with the state of the fitted one, after it was written to a file."""
        path = self.folder / "fitted.pt"
        save_checkpoint(path, "check", {"state": read_state(self.method)})
        saved = load_checkpoint(path, "check")
        if saved is None:
            raise PluginError(f"method '{self.name}' must return a state that can be read back")
        method = self.create()
        restore_method(method, saved["state"])
        return method

    def make_views(self, *, key: str = "embed") -> list[TrackletView]:
        """Return the tested tracklets; another key gives other ids."""
        return self.data.views(
            self.loader,
            with_camera=self.method_class.uses_camera,
            with_facts=self.method_class.uses_hidden_facts,
            key=key,
        )

    def embed(self, views: Sequence[TrackletView], method: Method | None = None) -> Embeddings:
        """Return the embeddings of one call, as a run keeps them: float32, on the device."""
        found = call_embed(method or self.method, views)
        device = self.runtime.device
        return Embeddings(
            values=found.values.detach().float().to(device),
            views=None if found.views is None else found.views.to(device),
            lengths=None if found.lengths is None else found.lengths.to(device),
        )

    def compare(self, what: str, embeddings: Embeddings, rows: Sequence[int]) -> None:
        """Raise a PluginError if embeddings differ from those of the same rows in one call."""
        for position, row in enumerate(rows):
            expected, found = cut_item(self.embeddings, row), cut_item(embeddings, position)
            self.require_equal(f"the embedding of a tracklet {what}", expected, found)

    def require_equal(self, what: str, first: Tensor, second: Tensor) -> None:
        """Raise a PluginError if two results differ by more than the tolerance of runs."""
        difference, tolerance = (
            relative_difference(first, second),
            tolerance_of(first.dtype, self.runtime.device),
        )
        if difference > tolerance:
            raise PluginError(
                f"{what} must stay the same, got a relative difference of {difference:.2g} (at most {tolerance:g} is "
                "allowed)"
            )

    def measure(self, query: Embeddings, gallery: Embeddings, *, block: int) -> Tensor:
        """Return all distances (Q, G), computed in blocks of rows and columns as a run does."""
        scorer = make_scorer(self.method, query, gallery)
        columns = _slices(len(gallery), block)
        rows = [
            torch.cat([scorer(row, column).detach().cpu().double() for column in columns], 1)
            for row in _slices(len(query), block)
        ]
        return torch.cat(rows)


def _slices(length: int, block: int) -> list[slice]:
    return [slice(start, min(start + block, length)) for start in range(0, length, block)]


def _check_fit(case: MethodCase) -> None:
    _ = case.method


def _check_embed(case: MethodCase) -> None:
    _ = case.embeddings


def _check_groups(case: MethodCase) -> None:
    for size in (1, 5):
        for rows in _slices(len(case.views), size):
            some = list(range(rows.start, rows.stop))
            case.compare("in calls of other sizes", case.embed(case.views[rows]), some)


def _check_order(case: MethodCase) -> None:
    rows = list(reversed(range(len(case.views))))
    case.compare("in another order", case.embed([case.views[row] for row in rows]), rows)


def _check_ids(case: MethodCase) -> None:
    case.compare("with another id", case.embed(case.make_views(key="other")), range(len(case.views)))


def _check_state(case: MethodCase) -> None:
    _require_fit(case)
    restored = case.embed(case.views, case.save_and_restore())
    case.compare("after `restore`", restored, range(len(case.views)))


def _check_seed(case: MethodCase) -> None:
    _require_fit(case)
    if case.runtime.device != "cpu":
        raise NotApplicableError("operations on this device may not be deterministic")
    case.compare(
        "after a second fit with one seed", case.embed(case.views, case.fit()), range(len(case.views))
    )


def _check_distance(case: MethodCase) -> None:
    distances = case.measure(case.embeddings, case.embeddings, block=len(case.views))
    if len(torch.unique(distances)) == 1:
        raise PluginError(f"method '{case.name}' must return different distances of different tracklets")


def _check_blocks(case: MethodCase) -> None:
    whole = case.measure(case.embeddings, case.embeddings, block=len(case.views))
    case.require_equal(
        "distances in smaller blocks", whole, case.measure(case.embeddings, case.embeddings, block=5)
    )


def _require_fit(case: MethodCase) -> None:
    if not case.method_class.learns:
        raise NotApplicableError("the method learns nothing")


METHOD_CHECKS: Mapping[str, Callable[[MethodCase], None]] = {
    "fit": _check_fit,
    "embed returns valid values": _check_embed,
    "embed does not depend on the group": _check_groups,
    "embed does not depend on the order": _check_order,
    "embed does not depend on the id": _check_ids,
    "state can be saved and restored": _check_state,
    "fit depends on the seed only": _check_seed,
    "distance returns valid values": _check_distance,
    "distance does not depend on the block": _check_blocks,
}
"""The checks by name, in the order in which they run; the first two are needed by all others."""
_NEEDED = list(METHOD_CHECKS)[:2]


def check_method(
    method_class: type[Method],
    config: Any = None,
    *,
    runtime: Runtime | None = None,
    plugins: Plugins | None = None,
) -> list[CheckResult]:
    """Run all checks of a method on small rendered data.

    Args:
        method_class: the method.
        config: its settings; None uses the preset "small" if there is one, else the first preset.
        runtime: device and progress bars; None uses the CPU without progress bars.
        plugins: registry that has the datasets; None loads the installed plugins.

    Returns:
        One result per check and kind of data that the method accepts.
    """
    if config is None:
        presets = method_class.presets
        config = presets["small"] if "small" in presets else next(iter(presets.values()))
    kinds: tuple[Kind, ...] = ("video", "image")
    results = []
    with TemporaryDirectory(prefix="reidbench-check-") as name:
        for kind in kinds:
            if method_class.modality not in (kind, "both"):
                continue
            folder = Path(name) / kind
            data = render_small_data(kind, plugins or Plugins(), folder / "data")
            case = MethodCase(method_class, config, runtime or Runtime(), data, folder)
            results += _run_checks(case)
    return results


def _run_checks(case: MethodCase) -> list[CheckResult]:
    results: list[CheckResult] = []
    failed = ""
    for name, check in METHOD_CHECKS.items():
        if failed:
            results.append(_result(case, name, "not run", f"'{failed}' failed"))
            continue
        try:
            check(case)
        except NotApplicableError as reason:
            results.append(_result(case, name, "not run", str(reason)))
        except ReidbenchError as error:
            results.append(_result(case, name, "failed", str(error)))
            if name in _NEEDED:
                failed = name
        else:
            results.append(_result(case, name, "passed"))
    return results


def _result(
    case: MethodCase, check: str, result: Literal["passed", "failed", "not run"], reason: str = ""
) -> CheckResult:
    return CheckResult(check=check, data=case.data.kind, result=result, reason=reason)
