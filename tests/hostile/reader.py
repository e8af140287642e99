"""The type of a reader, and the table of all readers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

from tests.calls import Answer
from tests.hostile.outcomes import Outcome

Judge: TypeAlias = Callable[[Path, Path, Answer], tuple[Outcome, str]]
TRUTH = "truth.json"


def write_truth(folder: Path, answer: Answer) -> None:
    """Write the output for the valid input."""
    if answer.code not in (0, 1) or answer.traceback:
        raise RuntimeError(f"a valid input was refused: {answer.err}{answer.traceback}")
    (folder / TRUTH).write_text(answer.out, encoding="utf-8", errors="surrogateescape")


def judge_plain(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Compare with the output for the valid input, where other results are allowed."""
    truth = valid / TRUTH
    if truth.is_file() and truth.read_text(encoding="utf-8") == answer.out:
        return Outcome.SAME, ""
    return Outcome.ACCEPTED, answer.out[:80]


def judge_exact(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Only the true result may be printed."""
    outcome, detail = judge_plain(valid, folder, answer)
    return (Outcome.WRONG, detail) if outcome is Outcome.ACCEPTED and answer.code == 0 else (outcome, detail)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """One kind of input from outside.

    Attributes:
        name: of the reader.
        prepare: writes a valid input to an empty folder, and the true result to `TRUTH` where it is known.
        damage: damages a copy of the folder and returns what was done.
        read: reads the folder as a user does.
        judge: compares a result that was not refused with the truth.
        share: relative number of inputs.
    """

    name: str
    prepare: Callable[[Path], None]
    damage: Callable[[Path, Random], str]
    read: Callable[[Path], Answer]
    judge: Judge = judge_plain
    share: float = 1.0


def find_reader(name: str) -> Reader:
    """Return the reader with this name."""
    # The table imports torch and all readers of reidbench.
    from tests.hostile.readers import READERS

    return READERS[name]


def share_inputs(readers: list[Reader], count: int, first_seed: int = 0) -> list[tuple[str, int]]:
    """Return reader and seed of `count` inputs, shared out among the readers, at least one each."""
    total = sum(reader.share for reader in readers)
    numbers = {reader.name: math.ceil(count * reader.share / total) for reader in readers}
    inputs = [
        (round_number / number, name, first_seed + round_number)
        for name, number in numbers.items()
        for round_number in range(number)
    ]
    # Evenly mixed, so that an interrupted run has tried all readers.
    return [(name, seed) for _, name, seed in sorted(inputs)[: max(count, len(readers))]]
