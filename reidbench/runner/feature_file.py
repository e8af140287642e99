"""`reidbench evaluate`: from a feature file, and optionally a protocol, to a record."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reidbench import evaluation
from reidbench.cache import Cache
from reidbench.datasets import DatasetContents
from reidbench.evaluation import RerankSettings
from reidbench.evaluation.version import EVALUATOR_VERSION
from reidbench.features import Search, read_searches
from reidbench.fingerprints import fingerprint
from reidbench.names import make_name
from reidbench.plugin.manager import Plugins
from reidbench.protocols import Protocol
from reidbench.protocols.trials import Sides, list_tested_sides
from reidbench.records import (
    DataSource,
    Digests,
    FileDigest,
    Fingerprints,
    Record,
    RunResult,
    TrialResult,
    current_environment,
    with_results,
    write_record,
)
from reidbench.runner.convention_table import convention_table
from reidbench.runner.data import read_tested
from reidbench.runner.label_check import check_labels
from reidbench.runner.matching import Rules, score_trial
from reidbench.runner.name_check import check_names
from reidbench.runner.plan import choose_protocol
from reidbench.runner.stored_search import hash_file, label_arrays, make_stored_search
from reidbench.runner.trackers import notify_end, notify_start, notify_trial

NO_PROTOCOL = "features"
"""Protocol name in a record without a protocol."""


@dataclass(frozen=True, kw_only=True)
class EvaluationRequest:
    """The choices of `reidbench evaluate`.

    Attributes:
        features: feature file.
        protocol: protocol whose trials the labels must match; None: use the labels of the file.
        data_root: directory that contains the datasets.
        synthetic: use a rendered tree as the protocol's data.
        conventions: conventions that replace those of the protocol file, by name.
        rerank: re-rank with k-reciprocal neighbours.
        fars: false accept rates of the true accept rates.
        convention_figures: also compute the figures of every convention in use.
    """

    features: Path
    protocol: str | None = None
    data_root: Path | None = None
    synthetic: bool = False
    conventions: Mapping[str, str] = field(default_factory=dict)
    rerank: bool = False
    fars: tuple[float, ...] = ()
    convention_figures: bool = False


def evaluate_file(
    request: EvaluationRequest, plugins: Plugins, *, device: str, output: Path, cache: Cache
) -> tuple[Record, Path]:
    """Compute the figures of a feature file; write and return the record.

    Raises:
        FeatureError: the file is not usable, or its labels do not match the protocol; the message names the file.
        ReidbenchError: errors of the protocol and its data.
    """
    file = _File(request, plugins, device, cache)
    draft = file.draft_record()
    notify_start(plugins, draft)
    results = []
    for index, trial in enumerate(file.trials):
        results.append(RunResult(trial=index, seed=draft.seed, lengths=None, result=file.result(trial)))
        notify_trial(plugins, draft.fingerprints.run, results[-1])
    record, path = write_record(*with_results(draft, results), output)
    notify_end(plugins, record)
    return record, path


class _File:
    """The searches of a file, grouped into the trials of a protocol."""

    def __init__(self, request: EvaluationRequest, plugins: Plugins, device: str, cache: Cache) -> None:
        self.request = request
        self.device = device
        file = read_searches(request.features)
        self.about, self.searches = file.about, file.searches
        self.protocol: Protocol | None = None
        self.contents: DatasetContents | None = None
        self.sides: list[Sides | None] = [None] * len(file.searches)
        self.trials = [[search] for search in file.searches]
        if request.protocol is not None:
            self.protocol = choose_protocol(request.protocol, plugins, conventions=request.conventions)
            self.contents = read_tested(
                self.protocol,
                plugins,
                cache,
                data_root=request.data_root,
                synthetic=request.synthetic,
            )
            self._group(list_tested_sides(self.protocol, self.contents), self.contents)
        self.rules = Rules(
            unmatched=self.protocol.unmatched if self.protocol else "exclude",
            shots=self.protocol.shots if self.protocol else "all",
            fars=request.fars,
        )

    def _group(self, trials: list[tuple[Sides, ...]], contents: DatasetContents) -> None:
        """Assign the searches to the sides of the trials; check that the labels match the protocol."""
        sides = [side for trial in trials for side in trial]
        check_labels(self.request.features, self.searches, sides, contents.table)
        check_names(self.request.features, self.searches, sides, contents.table)
        self.sides = [*sides]
        searches = iter(self.searches)
        self.trials = [[next(searches) for _ in trial] for trial in trials]

    def result(self, trial: list[Search]) -> TrialResult:
        """Return the figures of one trial."""
        started = time.monotonic()
        settings = RerankSettings() if self.request.rerank else None
        scores, tar = score_trial([self._search(stored, settings) for stored in trial], self.rules)
        return TrialResult(
            scores=scores,
            tar=tar,
            fit={},
            embed={},
            match=time.monotonic() - started,
            device=self.device,
            environments=(current_environment([self.device]),),
            computed=frozenset({"match"}),
        )

    def draft_record(self) -> Record:
        """Return the record without the fields that follow from the results."""
        request, protocol, about = self.request, self.protocol, self.about
        digest = hash_file(request.features)
        labels = fingerprint([[part.tolist() for part in label_arrays(search)] for search in self.searches])
        # Features may come without images, so the contents of files are unknown.
        dataset = None if self.contents is None else self.contents.label_digests
        if protocol is None or dataset is None:
            measured = fingerprint({"labels": labels, "evaluator": EVALUATOR_VERSION})
        else:
            measured = protocol.fingerprint(dataset, evaluator=EVALUATOR_VERSION)
        asked = {
            "rerank": request.rerank,
            "fars": list(request.fars),
            "conventions": request.convention_figures,
        }
        synthetic = bool(about.get("synthetic")) or (self.contents is not None and self.contents.is_synthetic)
        seed = int(about.get("seed", 0))
        return Record(
            method=make_name(str(about.get("method") or request.features.stem)),
            method_version=None,
            settings="features, reranked" if request.rerank else "features",
            preset=None,
            config={},
            protocol=NO_PROTOCOL if protocol is None else protocol.name,
            protocol_title="the labels of a file" if protocol is None else protocol.title,
            conventions=dict(request.conventions),
            unmatched=self.rules.unmatched,
            seed=seed,
            seeds=(seed,),
            synthetic=synthetic,
            partial=False,
            transductive=request.rerank or bool(about.get("transductive")),
            tested_on=DataSource(
                dataset=None if protocol is None else protocol.dataset,
                digests=dataset or Digests(labels=labels),
                synthetic=synthetic,
                renderer=self._find_renderer(),
            ),
            trained_on=(),
            fingerprints=Fingerprints(
                run=fingerprint({"features": digest, "protocol": measured, **asked}),
                protocol=measured,
                dataset=None if dataset is None else dataset.labels,
            ),
            convention_figures=self._conventions() if request.convention_figures else None,
            features=FileDigest(file=request.features.name, sha256=digest),
        )

    def _find_renderer(self) -> str | None:
        """Return the version of the renderer of the images; None if they are real or the file does not say."""
        if self.contents is not None:
            return self.contents.renderer
        stated = self.about.get("renderer")
        return None if stated is None else make_name(str(stated))

    def _search(self, stored: Search, settings: RerankSettings | None) -> evaluation.Search:
        return make_stored_search(self.request.features, stored, settings, self.device)

    def _conventions(self) -> tuple[tuple[dict[str, Any], ...], ...]:
        """Return the table of each search, without re-ranking."""
        tables = []
        for stored, side in zip(self.searches, self.sides, strict=True):
            search = self._search(stored, None)
            scores, _ = score_trial([search], self.rules)
            tables.append(tuple(convention_table(search, scores, stored, side, self.contents)))
        return tuple(tables)
