"""The identity of a record: which data was tested and trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reidbench.cache import Cache
from reidbench.datasets import tree_check
from reidbench.plugin import Runtime
from reidbench.plugin.manager import Plugins
from reidbench.runner import RunRequest
from reidbench.runner.plan import choose, make_plan
from reidbench.runner.run import draft_record


@pytest.mark.parametrize(
    ("is_tested_rendered", "is_training_rendered"),
    [(True, True), (True, False), (False, True), (False, False)],
)
def test_synthetic_follows_the_tested_data(
    small_root: Path,
    tmp_path: Path,
    is_tested_rendered: bool,
    is_training_rendered: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The frames pass as real ones.
    monkeypatch.setattr(tree_check, "is_marked", lambda head: False)
    plugins = Plugins()
    request = RunRequest(method="color-lbp", protocol="ilids", data_root=small_root)
    plan = make_plan(choose(request, plugins, Runtime()), plugins, Cache(tmp_path / "cache"))
    tested = plan.contents if is_tested_rendered else replace(plan.contents, marker=None)
    training = replace(plan.contents, marker=plan.contents.marker if is_training_rendered else None)

    record = draft_record(replace(plan, contents=tested, training=training))

    assert record.synthetic is is_tested_rendered
    assert record.tested_on.synthetic is is_tested_rendered
    assert [source.synthetic for source in record.trained_on] == [is_training_rendered]
