from __future__ import annotations

from collections import defaultdict

import pytest

from tests.hostile.outcomes import ALLOWED, Report
from tests.hostile.pool import Limits, prepare_readers, run_inputs
from tests.hostile.reader import share_inputs
from tests.hostile.readers import READERS

# Readers with open failures; `benchmarks/hostile_inputs.py` lists them.
OPEN = {
    "verify",
    "plugin-hostile",
    "marker",
    "tree-rendered",
}
SUBSET = [reader for name, reader in READERS.items() if name not in OPEN]
# About 20 per second and process.
INPUTS = 250
# Two cores of a busy machine.
LIMITS = Limits(seconds=60)


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Report]]:
    """The inputs of each reader that did not end as documented."""
    valid = tmp_path_factory.mktemp("valid")
    prepare_readers(SUBSET, valid)
    failed = defaultdict(list)
    for report in run_inputs(share_inputs(SUBSET, INPUTS), valid, workers=2, limits=LIMITS):
        if report.outcome not in ALLOWED:
            failed[report.reader].append(report)
    return failed


@pytest.mark.parametrize("reader", [reader.name for reader in SUBSET])
def test_damaged_input_is_refused_or_read_correctly(reader: str, failures: dict[str, list[Report]]) -> None:
    assert failures[reader] == []
