"""The record of a run: the only module that defines the shape of a record file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from reidbench.datasets.digests import Digests
from reidbench.errors import FeatureError, RecordError, describe_error, quote
from reidbench.evaluation import Scores, Summary, Unmatched
from reidbench.limits import MAX_PER_QUERY_FILE, read_limited
from reidbench.records.fields import Count, FileName, Plain, RateName, Scalar, Seed, Text
from reidbench.records.per_query import scores_from_csv
from reidbench.records.upgrade import upgrade

SCHEMA = 2


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A dataset that a run trained or tested on.

    Attributes:
        dataset: name; None for a feature file without a protocol.
        digests: identify the data.
        synthetic: whether the frames were rendered.
        renderer: version of the renderer of a rendered tree; None for other data, and for trees of version 1, whose
            records do not have this field.
    """

    dataset: Text | None
    digests: Digests
    synthetic: bool
    renderer: Text | None = None


@dataclass(frozen=True, kw_only=True)
class TrialFigures:
    """The figures of one trial with one training seed, in [0, 1]; None where no query counts.

    Attributes:
        trial: 0-based number of the trial.
        seed: training seed.
        queries: number of queries.
        queries_without_match: number of queries without a valid match.
        gallery: number of gallery items that are not junk.
    """

    trial: Count
    seed: Seed
    rank1: float | None
    rank5: float | None
    rank10: float | None
    rank20: float | None
    map: float | None
    map_trapezoid: float | None
    minp: float | None
    queries: Count
    queries_without_match: Count
    gallery: Count


@dataclass(frozen=True, kw_only=True)
class LengthFigures:
    """The figures of a sequence-length study for one number of query frames and one of gallery frames."""

    query: Count
    gallery: Count
    figures: Mapping[Text, Summary]


@dataclass(frozen=True, kw_only=True)
class EpochValues:
    """What a method reported for one epoch with `FitJob.log`.

    Attributes:
        epoch: 0-based number of the epoch.
        values: for example mean losses by name.
    """

    epoch: Count
    values: Mapping[Text, float]


@dataclass(frozen=True, kw_only=True)
class FitHistory:
    """The training of one fit.

    Attributes:
        fit: fit key.
        seed: training seed.
        trials: trials that use the fit.
        epochs: reported values, in order.
    """

    fit: Text
    seed: Seed
    trials: tuple[Count, ...]
    epochs: tuple[EpochValues, ...]


@dataclass(frozen=True, kw_only=True)
class Chance:
    """The exact expected rank-1 of a random order under the same rules, mean over the trials."""

    rank1: float | None


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """What the first computation of each part cost; shared parts count once."""

    fit: float
    embed: float
    match: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Cached:
    """The parts that the run did not compute because the cache had them."""

    fit: bool
    embed: bool
    match: bool


@dataclass(frozen=True, kw_only=True)
class Cost:
    """How much data a run embedded; items that trials share count once.

    Attributes:
        frames: frames of the embedded items; None if unknown (feature files).
        embedding_bytes: bytes of the float32 embeddings.
    """

    frames: Count | None
    embedding_bytes: Count | None


@dataclass(frozen=True, kw_only=True)
class Fingerprints:
    """SHA-256 identities of a run and its parts.

    Attributes:
        run: everything that defines the figures.
        protocol: rules, dataset and evaluator version; records with the same value share a board.
        dataset: digest of the labels of the tested dataset.
        fits: fit keys, sorted.
        weights: digest or name of pretrained weights.
    """

    run: Text
    protocol: Text
    dataset: Text | None = None
    fits: tuple[Text, ...] = ()
    weights: Text | None = None


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The machine and software that computed the figures.

    Attributes:
        system: operating system and architecture.
        packages: versions by package name.
        devices: torch devices that were used.
        device_names: names of the GPUs.
        threads: number of torch threads.
        cpu: CPU model. Figures of trained networks may differ between CPU models.
        vector_extension: CPU instructions that torch uses, such as AVX2 or AVX512.
        git_commit: commit of a source checkout.
        git_dirty: whether the checkout had uncommitted changes.
    """

    reidbench: Text
    python: Text
    system: Text
    packages: Mapping[Text, Text]
    devices: tuple[Text, ...]
    device_names: tuple[Text, ...]
    threads: Count
    cpu: Text | None = None
    vector_extension: Text | None = None
    git_commit: Text | None = None
    git_dirty: bool | None = None


@dataclass(frozen=True, kw_only=True)
class FileDigest:
    """The name of a file next to the record, or of an input, and its SHA-256."""

    file: FileName
    sha256: Text


@dataclass(frozen=True, kw_only=True)
class AttentionFigures:
    """Attention measured against the masks of rendered frames.

    Attributes:
        figures: shares of the attention and of the area, and the relative weight of occluded frames.
        counts: numbers of tracklets and frames.
        occluded_from: share of occluded pixels from which a frame counts as occluded.
    """

    figures: Mapping[Text, Summary]
    counts: Mapping[Text, Count]
    occluded_from: float


@dataclass(frozen=True, kw_only=True)
class Record:
    """One run: its identity, its figures, and everything needed to verify them. Undefined values are None.

    Attributes:
        schema: version of the file format.
        method_version: version of the method; None for feature files.
        protocol_title: one line that describes what is measured.
        settings: preset and changed settings; distinguishes runs of one method.
        preset: named settings of the method.
        config: all settings.
        conventions: conventions chosen in place of those of the protocol file, by name.
        unmatched: how queries without a valid match count: excluded from the means, or as misses.
        seed: first training seed.
        seeds: all training seeds.
        synthetic: whether the tested frames were rendered.
        partial: whether only some trials of the protocol were run.
        transductive: whether the figures use other queries (re-ranking).
        isolated: whether each fit and each trial's embedding ran in a process without labels of tested tracklets.
        source: digest of the method's source code.
        tested_on: the tested dataset.
        trained_on: the datasets that provide the training data, which a method that learns nothing ignores; empty for
            feature files.
        figures: mean, standard deviation and interval of each figure over seeds and trials.
        cmc: mean CMC at ranks 1, 2, ..., up to 100 or the size of the gallery.
        trials: the figures of each trial and seed.
        tar_at_far: mean true accept rate by false accept rate.
        lengths: figures of a sequence-length study.
        attention: attention against masks.
        convention_figures: for each search of a feature file, the figures of every convention in use.
        training: values that were reported per epoch, for each fit.
        rerank: settings of the re-ranking.
        features: the feature file that was evaluated.
        environment: machine and software that computed the first trial.
        other_environments: those of other trials, fits and embeddings, if cached parts were computed elsewhere or with
            other versions.
        per_query: the CSV file with the values of each query.
    """

    method: Text
    method_version: Text | None
    settings: Text
    preset: Text | None
    config: Mapping[Text, Plain]
    protocol: Text
    protocol_title: Text
    conventions: Mapping[Text, Text]
    unmatched: Unmatched
    seed: Seed
    seeds: tuple[Seed, ...]
    synthetic: bool
    partial: bool
    transductive: bool
    tested_on: DataSource
    trained_on: tuple[DataSource, ...]
    fingerprints: Fingerprints
    schema: Count = SCHEMA
    isolated: bool = False
    source: Text | None = None
    figures: Mapping[Text, Summary] = field(default_factory=dict)
    chance: Chance = Chance(rank1=None)
    trials: tuple[TrialFigures, ...] = ()
    cmc: tuple[float | None, ...] = ()
    tar_at_far: Mapping[RateName, float | None] | None = None
    lengths: tuple[LengthFigures, ...] = ()
    attention: AttentionFigures | None = None
    convention_figures: tuple[tuple[Mapping[Text, Plain], ...], ...] | None = None
    training: tuple[FitHistory, ...] = ()
    rerank: Mapping[Text, Plain] | None = None
    features: FileDigest | None = None
    seconds: Seconds = Seconds(fit=0.0, embed=0.0, match=0.0, total=0.0)
    cached: Cached = Cached(fit=False, embed=False, match=False)
    cost: Cost = Cost(frames=None, embedding_bytes=None)
    environment: Environment | None = None
    other_environments: tuple[Environment, ...] = ()
    per_query: FileDigest | None = None

    @property
    def stem(self) -> str:
        """File name of the record without its suffix."""
        return f"{self.method}-{self.fingerprints.run}"

    @property
    def mean_rank1(self) -> float:
        """Mean rank-1, 0 if undefined; boards are sorted by it."""
        return self.figures["rank1"].mean or 0.0

    def to_json(self) -> str:
        """Return the record as JSON text on one line."""
        return msgspec.json.encode(self).decode()

    def to_plain(self) -> dict[str, Any]:
        """Return the record as JSON types: dicts, lists, texts, numbers, bools and None."""
        plain: dict[str, Any] = msgspec.json.decode(self.to_json())
        return plain

    @classmethod
    def from_json(cls, text: str | bytes, *, origin: str = "record") -> Record:
        """Return the record that a JSON text holds; schema 1 is converted.

        Args:
            text: the JSON text.
            origin: names the text in error messages, for example "record runs/records/ilids/x.json".

        Raises:
            RecordError: the text is not JSON, a field is missing or has another type, or the schema is unknown.
        """
        try:
            return _decode(text)
        except RecordError as error:
            raise RecordError(f"cannot read {origin}: {error}") from error
        # A damaged file can be anything, for example brackets without an end.
        except _DECODE_ERRORS as error:
            raise RecordError(f"cannot read {origin}: {_describe(error)}; remove it or run again") from error

    def read_scores(self, path: Path) -> list[list[Scores]]:
        """Return the scores of each trial (inner list) of each seed (outer list) from the per-query file.

        Args:
            path: file of this record; the per-query file is read from the same folder.

        Raises:
            RecordError: the file is missing, has another digest than the record names, or does not fit the trials.
        """
        if self.per_query is None:
            raise RecordError(f"record {path} names no per-query file; run again")
        # A record cannot point outside its folder.
        side = path.parent / Path(self.per_query.file).name
        try:
            text = read_limited(side, MAX_PER_QUERY_FILE)
        except OSError as error:
            reason = error.strerror or error
            raise RecordError(f"cannot read per-query values {side}: {reason}; run again") from error
        if hashlib.sha256(text).hexdigest() != self.per_query.sha256:
            raise RecordError(f"per-query values {side} do not have the digest in {path.name}; run again")
        rows = [(entry.seed, entry.trial, entry.gallery) for entry in self.trials]
        try:
            return scores_from_csv(text, rows, chance_rank1=self.chance.rank1, unmatched=self.unmatched)
        except FeatureError as error:
            raise RecordError(
                f"per-query values {side} do not fit the trials in {path.name}: {error}; run again"
            ) from error


@dataclass(frozen=True, kw_only=True)
class _Header:
    """The part of a record that all schemas have."""

    schema: Plain = None


_DECODE_ERRORS = (
    msgspec.MsgspecError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    MemoryError,
)


def _decode(text: str | bytes) -> Record:
    header = msgspec.json.decode(text, type=_Header | list[msgspec.Raw] | Scalar)
    if not isinstance(header, _Header):
        raise RecordError(f"expected a JSON object, got {type(header).__name__}; remove it or run again")
    schema = header.schema
    if schema == SCHEMA:
        return msgspec.json.decode(text, type=Record)
    if schema == 1:
        return msgspec.convert(upgrade(msgspec.json.decode(text, type=dict[str, Plain])), Record)
    raise RecordError(
        f"this release reads schemas 1 and {SCHEMA}, got {quote(schema)}; update reidbench, or remove the file"
    )


def _describe(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"field {describe_error(error)} is missing"
    return describe_error(error)
