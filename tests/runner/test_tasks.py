"""Tasks: independent of each other and picklable."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.plugin import Runtime
from reidbench.plugin.manager import Plugins
from reidbench.runner import RunRequest
from reidbench.runner.plan import Plan, choose, make_plan
from reidbench.runner.trial import TaskContext, execute_task


@pytest.fixture
def plan(small_root: Path, tmp_path: Path) -> Plan:
    plugins = Plugins()
    request = RunRequest(
        method="color-lbp", protocol="ilids", data_root=small_root, trials=2, lengths=(1, 3), seeds=2
    )
    return make_plan(choose(request, plugins, Runtime()), plugins, Cache(tmp_path / "cache"))


def test_plan_has_one_task_per_trial_and_pair_of_lengths(plan: Plan) -> None:
    assert [(task.trial.index, task.seed, task.lengths) for task in plan.tasks] == [
        (trial, 0, lengths) for lengths in (None, (1, 1), (1, 3), (3, 1), (3, 3)) for trial in (0, 1)
    ]
    assert len({task.keys.scores for task in plan.tasks}) == len(plan.tasks)


def test_unpickled_task_gives_the_same_result(plan: Plan, tmp_path: Path) -> None:
    task = plan.tasks[1]
    copy = pickle.loads(pickle.dumps(task))

    first, second = (
        execute_task(item, TaskContext(plan, Cache(tmp_path / name), Runtime(), FrameLoader()))
        for item, name in ((task, "a"), (copy, "b"))
    )

    assert copy.keys == task.keys
    assert first.scores.per_query.equals(second.scores.per_query)


def test_tasks_can_be_executed_in_any_order(plan: Plan, tmp_path: Path) -> None:
    def execute(order: int, name: str) -> list[float]:
        context = TaskContext(plan, Cache(tmp_path / name), Runtime(), FrameLoader())
        results = {task.keys.scores: execute_task(task, context) for task in plan.tasks[::order]}
        return [results[task.keys.scores].scores.map for task in plan.tasks]

    assert execute(1, "a") == execute(-1, "b")
