from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reidbench.errors import ConfigError
from reidbench.training import pk_batches


@given(st.lists(st.integers(0, 12), min_size=20, max_size=80), st.integers(1, 4), st.integers(1, 5))
@settings(deadline=None)
def test_every_person_appears_in_batches_of_p_by_v(pids: list[int], people: int, samples: int) -> None:
    labels = np.array(pids)
    people_of_data = set(pids)
    if len(people_of_data) < people:
        return

    batches = pk_batches(labels, people=people, samples=samples, rng=np.random.default_rng(0))

    assert len(batches) == -(-len(people_of_data) // people)
    assert {pid for batch in batches for pid in labels[batch].tolist()} == people_of_data
    for batch in batches:
        assert set(Counter(labels[batch].tolist()).values()) == {samples}
        for pid in set(labels[batch].tolist()):
            times = Counter(batch[labels[batch] == pid].tolist())
            assert len(times) == min(samples, pids.count(pid))
            assert max(times.values()) - min(times.values()) <= 1


def test_too_few_people_raise_config_error() -> None:
    with pytest.raises(ConfigError, match=r"batch_people must be at most the 2 training people, got 3"):
        pk_batches(np.array([1, 1, 2]), people=3, samples=2, rng=np.random.default_rng(0))
