"""PK sampling: batches of P people with V sequences each, for triplet losses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reidbench.errors import ConfigError

IntArray = npt.NDArray[np.int64]


def pk_batches(pids: IntArray, *, people: int, samples: int, rng: np.random.Generator) -> list[IntArray]:
    """Draw the batches of one pass over all people (Hermans et al., arXiv:1703.07737).

    An incomplete last batch is filled with other people. Sequences of a person repeat in a batch only if the person
    has fewer than `samples`.

    Args:
        pids: (N,) person of each training sequence.
        people: P, people per batch.
        samples: V, sequences per person in a batch.
        rng: the epoch's source of randomness.

    Returns:
        Row indices (P * V,) of each batch, grouped by person.

    Raises:
        ConfigError: the training data has fewer than P people.
    """
    rows = {pid: np.flatnonzero(pids == pid) for pid in np.unique(pids).tolist()}
    if len(rows) < people:
        raise ConfigError(
            f"batch_people must be at most the {len(rows)} training people, got {people}. Use --set batch_people="
            f"{len(rows)} or train on another protocol."
        )
    order = rng.permutation(sorted(rows)).tolist()
    batches = []
    for start in range(0, len(order), people):
        chosen = order[start : start + people]
        if len(chosen) < people:
            others = [pid for pid in order if pid not in set(chosen)]
            chosen = [*chosen, *rng.choice(others, people - len(chosen), replace=False).tolist()]
        batches.append(np.concatenate([_sample(rows[pid], samples, rng) for pid in chosen]))
    return batches


def _sample(rows: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Draw rows; a row repeats only after all rows were drawn."""
    rounds = [rng.permutation(rows) for _ in range(-(-count // len(rows)))]
    return np.concatenate(rounds)[:count]
