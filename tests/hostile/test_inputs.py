from __future__ import annotations

from collections import defaultdict

import pytest

from tests.hostile.outcomes import ALLOWED, Report
from tests.hostile.pool import Limits, prepare_readers, run_inputs
from tests.hostile.reader import share_inputs
from tests.hostile.readers import READERS

# About ten per second on two cores, after the preparation of all readers.
INPUTS = 200
# Two cores of a busy machine.
LIMITS = Limits(seconds=60)


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Report]]:
    """The inputs of each reader that did not end as documented."""
    valid = tmp_path_factory.mktemp("valid")
    prepare_readers(READERS.values(), valid)
    failed = defaultdict(list)
    for report in run_inputs(share_inputs(list(READERS.values()), INPUTS), valid, workers=2, limits=LIMITS):
        if report.outcome not in ALLOWED:
            failed[report.reader].append(report)
    return failed


@pytest.mark.parametrize("reader", READERS)
def test_damaged_input_is_refused_or_read_correctly(reader: str, failures: dict[str, list[Report]]) -> None:
    assert failures[reader] == []
