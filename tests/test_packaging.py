from __future__ import annotations

import ast
import tomllib
from importlib.metadata import version
from pathlib import Path

import reidbench

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_version_has_one_source() -> None:
    assert "version" not in PYPROJECT["project"]
    assert PYPROJECT["project"]["dynamic"] == ["version"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "reidbench.__version__"}
    assert version("reidbench") == reidbench.__version__


def test_version_is_a_literal_that_a_build_reads_without_an_import() -> None:
    module = ast.parse((ROOT / "reidbench/__init__.py").read_text(encoding="utf-8"))
    (assigned,) = [
        node.value
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__"
    ]

    assert ast.literal_eval(assigned) == reidbench.__version__
