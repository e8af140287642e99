"""Records, their per-query values, and the boards made of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from tests.calls import Answer, run_command
from tests.hostile.arrays import damage_hdf5
from tests.hostile.damage import TEXT_EDITS, damage_files
from tests.hostile.outcomes import Outcome
from tests.hostile.reader import TRUTH, Reader, write_truth
from tests.hostile.structures import damage_json
from tests.hostile.world import copy_world


def prepare_board(folder: Path) -> None:
    """Write two records and the figures that a board shows."""
    copy_world(folder)
    shutil.rmtree(folder / "cache")
    write_truth(folder, read_board(folder))


def read_board(folder: Path) -> Answer:
    """Print a board, and keep the figures of each row."""
    answer = run_command(folder, ["leaderboard", "show", "--format", "json"])
    if answer.code != 0 or not answer.out.strip():
        return answer
    rows = [
        {name: row[name] for name in ("figures", "trials", "cmc", "chance")} for row in json.loads(answer.out)
    ]
    # An edit of the last digits is not an edit of the figure.
    texts = sorted(json.dumps(_round_numbers(row), sort_keys=True) for row in rows)
    return replace(answer, out=json.dumps(texts))


def _round_numbers(value: Any) -> Any:
    """Return rounded numbers, without null fields: a missing field is the same."""
    if isinstance(value, dict):
        return {key: _round_numbers(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_round_numbers(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


def judge_board(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Every row must have true figures; a row that is missing must be named."""
    truth = json.loads((valid / TRUTH).read_text(encoding="utf-8"))
    rows = json.loads(answer.out) if answer.out.strip() else []
    if other := [row for row in rows if row not in truth]:
        return Outcome.WRONG, other[0][:200]
    if rows == truth:
        return Outcome.SAME, ""
    return (Outcome.REFUSED, answer.err[:200]) if answer.err.strip() else (Outcome.ACCEPTED, "row left out")


def read_table(folder: Path) -> Answer:
    """Print a board as a table."""
    return run_command(folder, ["leaderboard", "show"])


def prepare_verify(folder: Path) -> None:
    """Write one record with its per-query values and its features."""
    copy_world(folder)
    shutil.rmtree(folder / "cache")
    (path,) = folder.glob("runs/records/tiny/tiny-rows-*.json")
    shutil.copy(path, folder / "original.json")
    path.rename(path.with_name("record.json"))
    (side,) = folder.glob("runs/records/tiny/tiny-rows-*.csv")
    side.rename(side.with_name("record.per_query.csv"))
    record = json.loads((folder / "original.json").read_text(encoding="utf-8"))
    record["per_query"]["file"] = "record.per_query.csv"
    path.with_name("record.json").write_text(json.dumps(record), encoding="utf-8")
    write_truth(folder, read_verify(folder))


def read_verify(folder: Path) -> Answer:
    """Verify the record by its features."""
    record = "runs/records/tiny/record.json"
    return run_command(folder, ["verify", record, "--features", "tiny-rows.h5", "--device", "cpu"])


def judge_verify(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """A record or file with other figures must not be confirmed."""
    if answer.code == 1:
        return (Outcome.REFUSED if answer.out.strip() else Outcome.UNCLEAR), answer.out[:200]
    paths = [root / "runs/records/tiny/record.json" for root in (valid, folder)]
    true, damaged = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    names = ("figures", "trials", "cmc", "chance")
    same = all(_round_numbers(true[name]) == _round_numbers(damaged.get(name)) for name in names)
    return (Outcome.SAME, "") if same else (Outcome.WRONG, answer.out[:200])


def damage_verify(folder: Path, random: Random) -> str:
    """Damage the record, its per-query values or its features."""
    choice = random.random()
    if choice < 0.6:
        return damage_files("record.json", damage_json, TEXT_EDITS, 0.75)(folder, random)
    if choice < 0.8:
        return damage_files("record.per_query.csv", None, TEXT_EDITS)(folder, random)
    return damage_files("tiny-rows.h5", damage_hdf5)(folder, random)


READERS = (
    Reader(
        name="record",
        prepare=prepare_board,
        damage=damage_files("runs/records/*/*.json", damage_json, TEXT_EDITS, 0.75),
        read=read_board,
        judge=judge_board,
        share=2,
    ),
    Reader(
        name="record-table",
        prepare=prepare_board,
        damage=damage_files("runs/records/*/*.json", damage_json, TEXT_EDITS, 0.9),
        read=read_table,
    ),
    Reader(
        name="per-query",
        prepare=prepare_board,
        damage=damage_files("runs/records/*/*.csv", None, TEXT_EDITS),
        read=read_board,
        judge=judge_board,
    ),
    Reader(name="verify", prepare=prepare_verify, damage=damage_verify, read=read_verify, judge=judge_verify),
)
