"""All audits of a dataset: embed, match by the rules of the protocol, and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reidbench.audit.data import AuditedData, read_data
from reidbench.audit.duplicates import DuplicateCounts, count_duplicates
from reidbench.audit.embedding import EmbeddedItems, Item, embed_items
from reidbench.audit.report import AuditReport, make_report
from reidbench.cache import Cache
from reidbench.datasets import FrameWindow
from reidbench.evaluation import Labels, Scores, pool_queries
from reidbench.plugin import Embeddings, Method, Runtime
from reidbench.plugin.loading import load_method
from reidbench.plugin.manager import Plugins
from reidbench.plugin.specs import MethodSpec, is_audit
from reidbench.protocols.trials import Sides, Trial
from reidbench.runner.calls import create_method
from reidbench.runner.keys import Windows
from reidbench.runner.matching import Rules, score_trial, search_of_embeddings
from reidbench.runner.plan import resolve_config

DUPLICATES = "audit-near-duplicates"


@dataclass(frozen=True, kw_only=True)
class AuditRequest:
    """A user's request.

    Attributes:
        target: a protocol, or a dataset, which is audited under its default protocol.
        data_root: directory that contains the datasets; None uses the environment variable or the default.
        synthetic: use a rendered tree in place of the dataset.
        folder: the folder of the dataset itself, instead of `data_root` and `synthetic`.
    """

    target: str
    data_root: Path | None = None
    synthetic: bool = False
    folder: Path | None = None


@dataclass(frozen=True, kw_only=True)
class AuditScores:
    """The scores of all audits of a dataset.

    Attributes:
        data: what was audited.
        summaries: what each audit sees, by its name.
        scores: of each audit, one per trial.
        left_out: reason by name of each audit that needs what the dataset does not have.
        duplicates: counts of near-duplicate frames.
    """

    data: AuditedData
    summaries: Mapping[str, str]
    scores: Mapping[str, Sequence[Scores]]
    left_out: Mapping[str, str]
    duplicates: DuplicateCounts


def run_audits(request: AuditRequest, plugins: Plugins, cache: Cache, *, shown: bool = True) -> AuditReport:
    """Run every audit that fits the data, and return the report; see `score_audits`."""
    found = score_audits(request, plugins, cache, shown=shown)
    return make_report(found.data, found.summaries, found.scores, found.left_out, found.duplicates)


def score_audits(request: AuditRequest, plugins: Plugins, cache: Cache, *, shown: bool = True) -> AuditScores:
    """Run every audit that fits the data.

    Args:
        request: what is audited.
        plugins: registry of audits, protocols and datasets.
        cache: of rendered trees.
        shown: whether to draw a progress bar.

    Raises:
        ReidbenchError: errors of the protocol, its data and its frames.
    """
    data = read_data(
        request.target,
        plugins,
        cache,
        data_root=request.data_root,
        synthetic=request.synthetic,
        folder=request.folder,
    )
    specs = list_audits(plugins, data)
    methods = {spec.name: create_audit(spec) for spec in specs}
    windows = windows_of(data)
    tested = list_tested(data, windows)
    embedded = embed_items(methods, data.contents, tested, shown=shown)
    return AuditScores(
        data=data,
        summaries={spec.name: spec.summary for spec in specs},
        scores={
            name: [score(trial, one, data, windows) for trial in data.trials]
            for name, one in embedded.items()
            if one.missing is None
        },
        left_out={name: one.missing for name, one in embedded.items() if one.missing is not None},
        duplicates=count_duplicates(data, embedded[DUPLICATES], windows, shown=shown),
    )


def list_audits(plugins: Plugins, data: AuditedData) -> list[MethodSpec]:
    """Return the audits that accept the data of a protocol."""
    kinds = (data.protocol.modality, "both")
    return [spec for name, spec in plugins.methods.items() if is_audit(name) and spec.modality in kinds]


def windows_of(data: AuditedData) -> Windows:
    """Return the frames that a protocol gives to methods."""
    rule = data.protocol.frames
    return Windows(FrameWindow(rule.query, rule.limit), FrameWindow(rule.gallery, rule.limit))


def list_tested(data: AuditedData, windows: Windows) -> list[Item]:
    """Return the rows that any trial tests, each with its windows, in the order of the table."""
    items: set[Item] = set()
    for side in (side for trial in data.trials for side in trial.sides):
        boxes = [] if side.boxes is None else side.boxes.tolist()
        items |= {(row, windows.query) for row in [*side.query.tolist(), *boxes]}
        items |= {(row, windows.gallery) for row in side.gallery.tolist()}
    return sorted(items, key=lambda item: (item[0], item[1].side))


def score(trial: Trial, embedded: EmbeddedItems, data: AuditedData, windows: Windows) -> Scores:
    """Return the scores of one audit in one trial, by the rules of the protocol."""
    table, protocol = data.contents.table, data.protocol
    searches = []
    for side in trial.sides:
        query = _embed_queries(side, embedded, data, windows)
        labels = Labels(
            table.pids[side.query],
            table.pids[side.gallery],
            table.camids[side.query],
            table.camids[side.gallery],
        )
        gallery = embedded.select(side.gallery, windows.gallery)
        searches.append(search_of_embeddings(embedded.method, query, gallery, labels, None))
    scores, _ = score_trial(searches, Rules(unmatched=protocol.unmatched, shots=protocol.shots))
    return scores


def create_audit(spec: MethodSpec) -> Method:
    """Return an audit with its default settings."""
    method_class = load_method(spec)
    _, config = resolve_config(method_class, None, {})
    return create_method(method_class, config, Runtime())


def _embed_queries(side: Sides, embedded: EmbeddedItems, data: AuditedData, windows: Windows) -> Embeddings:
    if side.boxes is None:
        return embedded.select(side.query, windows.query)
    table = data.contents.table
    boxes = embedded.select(side.boxes, windows.query)
    if boxes.lengths is not None:
        # Sequences cannot be pooled, so a query is its own image.
        return embedded.select(side.query, windows.query)
    values = pool_queries(
        boxes.values,
        table.pids[side.boxes],
        table.camids[side.boxes],
        table.pids[side.query],
        table.camids[side.query],
        how=data.protocol.conventions.pooling or "mean",
    )
    return Embeddings(values=values)
