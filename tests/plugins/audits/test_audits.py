"""Audits are methods like all others."""

from __future__ import annotations

import pytest

from reidbench.plugin.loading import load_method
from reidbench.plugin.manager import Plugins
from reidbench.plugin.specs import MethodSpec, is_audit
from reidbench.testing import check_method

PLUGINS = Plugins()
AUDITS = [spec for name, spec in PLUGINS.methods.items() if is_audit(name)]


# Each one has something that no other audit has: hidden numbers, a distance of its own, masks.
@pytest.mark.parametrize("name", ["file-size", "near-duplicates", "silhouette"])
def test_audit_passes_the_checks_of_methods(name: str) -> None:
    results = check_method(load_method(PLUGINS.method(f"audit-{name}")), plugins=PLUGINS)

    assert [result for result in results if result.result == "failed"] == []


@pytest.mark.parametrize("spec", AUDITS, ids=lambda spec: spec.name)
def test_class_of_an_audit_has_the_name_and_modality_of_its_spec(spec: MethodSpec) -> None:
    method = load_method(spec)

    assert (method.name, method.modality) == (spec.name, spec.modality)
    assert not method.learns
