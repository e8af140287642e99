from __future__ import annotations

import pytest

from reidbench import progress
from reidbench.progress import progress_bar, progress_label


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_without_a_terminal_one_line_per_minute_names_the_trial(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_label("trial 1 of 10"), progress_bar("embed", 300, shown=True) as advance:
        for second in range(0, 150, 10):
            clock[0] = second
            advance(2)

    assert capsys.readouterr().err.splitlines() == [
        "trial 1 of 10: embed 14 of 300",
        "trial 1 of 10: embed 26 of 300",
    ]


def test_hidden_progress_prints_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar("embed", 3, shown=False) as advance:
        clock[0] = 1000.0
        advance(3)

    assert capsys.readouterr().err == ""
