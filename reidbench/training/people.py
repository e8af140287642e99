"""Batches of P people with V sequences each, as batch-hard mining needs them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reidbench.errors import ConfigError

IntArray = npt.NDArray[np.int64]


def pk_batches(pids: IntArray, *, people: int, samples: int, rng: np.random.Generator) -> list[IntArray]:
    """Draw the batches of an epoch, in which every person has one turn (Hermans et al., arXiv:1703.07737).

    A last batch that is not full is filled with other people. A person with fewer sequences than `samples` shows
    some of them again; the others show different ones.

    Args:
        pids: (N,) person of each training sequence.
        people: P, people in a batch.
        samples: V, sequences of a person in a batch.
        rng: the epoch's source of randomness.

    Returns:
        Rows (P * V,) of each batch, person by person.

    Raises:
        ConfigError: fewer people than a batch shows.
    """
    rows = {pid: np.flatnonzero(pids == pid) for pid in np.unique(pids).tolist()}
    if len(rows) < people:
        raise ConfigError(
            f"a batch shows {people} people, but the training data has {len(rows)}: take fewer with "
            "--set batch_people, or train on another protocol"
        )
    order = rng.permutation(sorted(rows)).tolist()
    batches = []
    for start in range(0, len(order), people):
        shown = order[start : start + people]
        if len(shown) < people:
            others = [pid for pid in order if pid not in set(shown)]
            shown = [*shown, *rng.choice(others, people - len(shown), replace=False).tolist()]
        batches.append(np.concatenate([_sampled(rows[pid], samples, rng) for pid in shown]))
    return batches


def _sampled(rows: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """Draw rows; none comes a second time before all have come."""
    rounds = [rng.permutation(rows) for _ in range(-(-count // len(rows)))]
    return np.concatenate(rounds)[:count]
