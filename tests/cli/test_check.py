from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from reidbench.testing import METHOD_CHECKS
from tests.calls import Answer

from .single_file_plugins import CITY_BLOCK, MEAN_COLOR, write_plugin

Run = Callable[..., Answer]
EXAMPLE = Path(__file__).parent.parent.parent / "examples/my_method.py"


def test_check_prints_a_table_and_exits_0(reidbench: Run) -> None:
    answer = reidbench("check", "mean-color", "--plugin", str(EXAMPLE))

    assert answer.code == 0
    assert answer.out.splitlines()[0].split() == ["check", "data", "result", "reason"]
    assert len(answer.out.splitlines()) == 2 + 2 * len(METHOD_CHECKS)


def test_check_of_a_custom_distance_passes(reidbench: Run, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "city", MEAN_COLOR, further=CITY_BLOCK)

    assert reidbench("check", "city", "--plugin", str(plugin)).code == 0


def test_check_of_a_random_embed_exits_3_and_prints_json(reidbench: Run, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "dice", "return Embeddings(values=torch.rand(len(tracklets), 4))")

    answer = reidbench("check", "dice", "--plugin", str(plugin), "--json")

    assert answer.code == 3
    rows = json.loads(answer.out)
    assert {"check", "data", "result", "reason"} == set(rows[0])
    assert [row["check"] for row in rows if row["result"] == "failed" and row["data"] == "video"] == [
        "embed does not depend on the group",
        "embed does not depend on the order",
        "embed does not depend on the id",
    ]
    (line,) = answer.err.splitlines()
    assert "method 'dice' fails 6 of 18 checks" in line


def test_check_of_an_unknown_method_exits_2(reidbench: Run) -> None:
    answer = reidbench("check", "no-such-method")

    assert answer.code == 2
    assert "unknown method 'no-such-method'" in answer.err
