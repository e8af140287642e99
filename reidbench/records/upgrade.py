"""Conversion of records of schema 1, which reidbench wrote until version 0.1."""

from __future__ import annotations

from typing import Any


def upgrade(old: dict[str, Any]) -> dict[str, Any]:
    """Return a record of schema 1 as JSON types of schema 2.

    Values that schema 1 does not have become None or empty.

    Raises:
        KeyError, TypeError: a field is missing or has another type.
    """
    fingerprints, seed = old["fingerprints"], old["seed"]
    tested = {
        "dataset": None,
        "digests": {"labels": fingerprints.get("dataset")},
        "synthetic": old["synthetic"],
    }
    other = old.get("trained_on")
    trained = []
    if other:
        digests = {"labels": other["digest"]}
        # Schema 1 has one mark for both datasets.
        trained = [{"dataset": other["dataset"], "digests": digests, "synthetic": old["synthetic"]}]
    renamed = {
        "settings": old.get("variant", ""),
        "conventions": old.get("readings", {}),
        "convention_figures": old.get("conventions"),
    }
    trials = [{"trial": index, "seed": seed, **entry} for index, entry in enumerate(old["trials"])]
    kept = {key: value for key, value in old.items() if key not in ("variant", "readings")}
    return {
        "method_version": None,
        "preset": None,
        "config": {},
        "protocol_title": old["protocol"],
        **kept,
        **renamed,
        "schema": 2,
        "seeds": [seed],
        "trials": trials,
        # All protocols of schema 1 excluded such queries.
        "unmatched": "exclude",
        "tested_on": tested,
        "trained_on": trained,
    }
