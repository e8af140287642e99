"""Notes on boards: queries without a match, training data, and what distinguishes boards of the same title."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from reidbench.datasets.references import find_reference
from reidbench.leaderboard.rank import BoardEntry
from reidbench.records import DataSource, Record, TrialFigures

DIGEST_LENGTH = 8


def note_unmatched(record: Record) -> str | None:
    """Return how many queries have no match and how they count, over all trials; None if every query has a match."""
    trials = one_seed(record)
    missing = sum(trial.queries_without_match for trial in trials)
    if not missing:
        return None
    total = sum(trial.queries for trial in trials)
    verb = "has" if missing == 1 else "have"
    effect = {
        ("exclude", True): "is left out",
        ("exclude", False): "are left out",
        ("miss", True): "counts as a failure",
        ("miss", False): "count as failures",
    }[record.unmatched, missing == 1]
    scope = "" if len(trials) == 1 else f" in {len(trials)} trials"
    return f"{missing:,} of {total:,} queries{scope} {verb} no match and {effect}"


def one_seed(record: Record) -> list[TrialFigures]:
    """Return the trials of the first seed; every seed has the same queries."""
    return [trial for trial in record.trials if trial.seed == record.trials[0].seed]


def find_other_contents(board: Sequence[BoardEntry]) -> list[str | None]:
    """Return for each record the digest of the tested contents if they differ from the board's reference, else None.

    Records with other contents, such as a copy with newly encoded frames, share a board because its labels are equal.
    The reference is that of this package for its demo trees. Otherwise, it is what most records were tested on, and the
    first of them decides a tie. Unknown contents, such as those of feature files, are not marked.
    """
    tested = [entry.record.tested_on.digests for entry in board]
    known = Counter(digests.contents for digests in tested if digests.contents is not None)
    reference = (
        next(filter(None, map(find_reference, tested)), None) or next(iter(known.most_common(1)), (None,))[0]
    )
    return [None if digests.contents == reference else digests.contents for digests in tested]


def training_data(board: Sequence[BoardEntry]) -> list[str]:
    """Return the names of the training data of each record, "-" if unknown or if the method learns nothing.

    Rendered data is marked on boards of real data, and real data on boards of rendered data. Datasets with the same
    name and other contents get their digest.
    """
    digests: dict[str, set[str | None]] = defaultdict(set)
    for entry in board:
        for source in list_fit_sources(entry.record):
            digests[_source_name(source, entry.record)].add(source.digests.labels)
    texts = []
    for entry in board:
        names = []
        for source in list_fit_sources(entry.record):
            name = _source_name(source, entry.record)
            digest = (source.digests.labels or "unknown")[:DIGEST_LENGTH]
            names.append(f"{name} {digest}" if len(digests[name]) > 1 else name)
        texts.append(", ".join(names) or "-")
    return texts


def list_fit_sources(record: Record) -> tuple[DataSource, ...]:
    """Return the datasets that the method of a record was fitted on; empty if it learns nothing or if unknown."""
    return record.trained_on if record.fingerprints.fits else ()


def distinguish_boards(boards: Sequence[Sequence[BoardEntry]], titles: Sequence[str]) -> list[list[str]]:
    """Return what distinguishes each board from the others with the same title, as texts; empty for unique titles."""
    groups: dict[str, list[int]] = defaultdict(list)
    for index, title in enumerate(titles):
        groups[title].append(index)
    notes: list[list[str]] = [[] for _ in boards]
    for indices in groups.values():
        facts = {index: _facts(boards[index]) for index in indices}
        names = [name for name in facts[indices[0]] if len({fact[name] for fact in facts.values()}) > 1]
        if len({tuple(fact[name] for name in names) for fact in facts.values()}) < len(indices):
            names.append("protocol fingerprint")
        for index in indices if len(indices) > 1 else ():
            fingerprint = boards[index][0].record.fingerprints.protocol[:DIGEST_LENGTH]
            values = {**facts[index], "protocol fingerprint": fingerprint}
            notes[index] = [f"{name}: {values[name]}" for name in names]
    return notes


def _source_name(source: DataSource, record: Record) -> str:
    name = source.dataset or "unknown"
    if source.synthetic == record.synthetic:
        return name
    return f"{name} (synthetic)" if source.synthetic else f"{name} (real)"


def _facts(board: Sequence[BoardEntry]) -> dict[str, str]:
    """Return the facts that boards of the same title may differ in."""
    record = board[0].record
    digests = record.tested_on.digests
    chosen = ", ".join(f"{name}={value}" for name, value in sorted(record.conventions.items()))
    sources = {
        f"{_source_name(source, entry.record)} {(source.digests.labels or '')[:DIGEST_LENGTH]}".strip()
        for entry in board
        for source in list_fit_sources(entry.record)
    }
    return {
        "dataset digest": (digests.labels or "unknown")[:DIGEST_LENGTH],
        "marker digest": (digests.marker or "none")[:DIGEST_LENGTH],
        "conventions": chosen or "as in the protocol file",
        "queries without a match": "left out" if record.unmatched == "exclude" else "failures",
        "trained on": ", ".join(sorted(sources)) or "unknown data",
    }
