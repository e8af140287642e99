from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from reidbench.errors import PluginError
from reidbench.source import OwnCode, SourceDigest, compute_source_digest, own_code_of_distribution
from reidbench.source.digest import WITHOUT_VALUES
from reidbench.source.modules import ModuleFinder, own_code_of_file
from tests.test_architecture import LAYERS

# A third-party distribution with two packages and two methods.
ACME = {
    "acme/__init__.py": "from .specs import specs\n",
    "acme/specs.py": "specs = ['acme.first.method:First']\n",
    "acme/helpers.py": "def scale(x): return 2 * x\n",
    "acme/unused.py": "x = 1\n",
    "acme/typing_only.py": "x = 1\n",
    "acme/late.py": "x = 1\n",
    "acme/named.py": "x = 1\n",
    "acme/first/__init__.py": "",
    "acme/first/anchors.csv": "1,2\n",
    "acme/first/method.py": (
        "import numpy\n"
        "from typing import TYPE_CHECKING\n"
        "from importlib import import_module\n"
        "import acme_core.layers\n"
        "from reidbench.nn import ConvGRUCell\n"
        "from ..helpers import scale\n"
        "if TYPE_CHECKING:\n    from acme import typing_only\n"
        "def run():\n    from acme import late\n    import_module('acme.named')\n"
    ),
    "acme/second.py": "from reidbench.plugin import FixedMethod, MethodSpec, hookimpl\n",
    "acme_core/__init__.py": "",
    "acme_core/layers.py": "x = 1\n",
}
CORE_OF_FIRST = {"reidbench.nn.convgru"}


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the distribution `acme` in a folder on the path and return the folder."""
    write(tmp_path, ACME)
    record = "".join(f"{name},,\n" for name in ACME)
    write(tmp_path, {"acme-1.0.dist-info/METADATA": "Name: acme\n", "acme-1.0.dist-info/RECORD": record})
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def digest_of(folder: Path, module: str, *files: str) -> SourceDigest:
    importlib.invalidate_caches()
    own = own_code_of_distribution(PathDistribution(folder / "acme-1.0.dist-info"), module)
    return compute_source_digest("acme", module, own, files=files)


def test_digest_covers_what_the_module_imports_of_its_distribution_and_of_reidbench(acme: Path) -> None:
    parts = digest_of(acme, "acme.first.method").parts

    own = {"acme", "acme.specs", "acme.helpers", "acme.late", "acme.named", "acme.first", "acme.first.method"}
    assert set(parts) == own | {"acme_core", "acme_core.layers"} | CORE_OF_FIRST


@pytest.mark.parametrize(
    "edited", ["acme/helpers.py", "acme_core/layers.py", "acme/late.py", "acme/first/method.py"]
)
def test_an_edit_of_what_a_method_imports_changes_its_digest_only(acme: Path, edited: str) -> None:
    before = digest_of(acme, "acme.first.method").value, digest_of(acme, "acme.second").value

    (acme / edited).write_text(ACME[edited] + "y = 1\n")

    after = digest_of(acme, "acme.first.method").value, digest_of(acme, "acme.second").value
    assert before[0] != after[0]
    assert before[1] == after[1]


@pytest.mark.parametrize("edited", ["acme/unused.py", "acme/typing_only.py", "acme/second.py"])
def test_an_edit_elsewhere_keeps_the_digest(acme: Path, edited: str) -> None:
    before = digest_of(acme, "acme.first.method").value

    (acme / edited).write_text(ACME[edited] + "y = 1\n")

    assert digest_of(acme, "acme.first.method").value == before


def test_an_edited_data_file_changes_the_digest(acme: Path) -> None:
    before = digest_of(acme, "acme.first.method", "anchors.csv").value
    assert before != digest_of(acme, "acme.first.method").value

    (acme / "acme/first/anchors.csv").write_text("1,3\n")

    assert digest_of(acme, "acme.first.method", "anchors.csv").value != before


def test_a_missing_data_file_is_named(acme: Path) -> None:
    with pytest.raises(
        PluginError, match=r"cannot read the source of method 'acme': .*gone\.csv: No such file"
    ):
        digest_of(acme, "acme.first.method", "gone.csv")


def test_a_module_without_a_file_is_refused() -> None:
    with pytest.raises(PluginError, match="cannot find the source of method 'x': module nowhere has no file"):
        compute_source_digest("x", "nowhere", OwnCode())


def test_a_module_of_another_python_counts_as_its_bytes(acme: Path) -> None:
    (acme / "acme/helpers.py").write_text("this is no Python\n")
    before = digest_of(acme, "acme.first.method").value

    (acme / "acme/helpers.py").write_text("this is  no Python\n")

    assert digest_of(acme, "acme.first.method").value != before


def test_nothing_is_imported(acme: Path) -> None:
    (acme / "acme/first/__init__.py").write_text("raise RuntimeError('imported')\n")

    digest_of(acme, "acme.first.method")

    assert not [name for name in sys.modules if name.partition(".")[0] in ("acme", "acme_core")]


def test_an_editable_project_covers_all_its_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = {"url": (tmp_path / "project").as_uri(), "dir_info": {"editable": True}}
    write(tmp_path / "site", {"acme-1.0.dist-info/direct_url.json": json.dumps(origin)})
    write(tmp_path / "project/src", {"acme_a.py": "import acme_b, other\n", "acme_b.py": "x = 1\n"})
    write(tmp_path / "project/.venv/site-packages", {"other.py": "x = 1\n"})
    monkeypatch.syspath_prepend(tmp_path / "project/src")
    monkeypatch.syspath_prepend(tmp_path / "project/.venv/site-packages")

    own = own_code_of_distribution(PathDistribution(tmp_path / "site/acme-1.0.dist-info"), "acme_a")

    assert set(compute_source_digest("acme", "acme_a", own).parts) == {"acme_a", "acme_b"}


def test_a_plugin_file_covers_the_modules_beside_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"my_file.py": "import beside, json\n", "beside.py": "import further\n", "further.py": "x = 1\n"},
    )
    sys.modules["file_module"] = module = importlib.util.module_from_spec(
        importlib.util.spec_from_file_location("file_module", tmp_path / "my_file.py")
    )
    assert module
    try:
        own = own_code_of_file(tmp_path / "my_file.py", "file_module", "file_module")
        parts = compute_source_digest("x", "file_module", own).parts
    finally:
        del sys.modules["file_module"]

    assert set(parts) == {"plugin file", "beside", "further"}


def first_party(module: str) -> set[str]:
    own = own_code_of_distribution(distribution("reidbench"), module)
    return set(compute_source_digest("x", module, own).parts)


def test_bottom_modules_are_left_out_but_the_one_that_derives_seeds() -> None:
    assert {f"reidbench.{name}" for name in LAYERS[0] - {"fingerprints"}} <= WITHOUT_VALUES


@pytest.mark.parametrize("module", sorted(WITHOUT_VALUES))
def test_a_module_that_is_left_out_exists(module: str) -> None:
    assert ModuleFinder(OwnCode()).find(module)


def test_a_descriptor_depends_on_no_network_and_no_other_method() -> None:
    parts = first_party("reidbench_plugins.color_lbp.method")

    # The default distance is in reidbench.nn.
    expected = {"reidbench.nn.distances", "reidbench.plugin.method", "reidbench.datasets.frames"}
    assert parts >= expected | {"reidbench_plugins.color_lbp.method", "reidbench.datasets.views"}
    assert {part for part in parts if "nn" in part or "plugin." in part} <= expected
    assert {part for part in parts if part.startswith("reidbench_plugins")} == {
        "reidbench_plugins",
        "reidbench_plugins.color_lbp",
        "reidbench_plugins.color_lbp.method",
    }
    assert not [part for part in parts if part.startswith(("reidbench.training", "reidbench.runner"))]


@pytest.mark.parametrize("method", ["conv_attention", "diversity_attention", "duatm", "siamese_convgru"])
def test_a_network_depends_on_its_layers_and_on_the_training_loop(method: str) -> None:
    parts = first_party(f"reidbench_plugins.{method}.method")

    needed = {"reidbench.training.loop", "reidbench.training.network_method", "reidbench.nn.backbones"}
    assert parts >= needed | {
        f"reidbench_plugins.{method}.{part}" for part in ("config", "network", "training")
    }
    packages = {".".join(part.split(".")[:2]) for part in parts}
    assert packages == {
        "reidbench_plugins",
        f"reidbench_plugins.{method}",
        "reidbench.datasets",
        "reidbench.fingerprints",
        "reidbench.nn",
        "reidbench.plugin",
        "reidbench.training",
    }


@pytest.mark.parametrize("package", ["datasets", "evaluation", "nn", "plugin", "training"])
def test_every_public_name_of_a_package_leads_to_the_module_that_defines_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    offered = importlib.import_module(f"reidbench.{package}")
    for index, name in enumerate(offered.__all__):
        home = getattr(getattr(offered, name), "__module__", None)
        # Constants and type aliases do not know their module.
        if not str(home).startswith(f"reidbench.{package}."):
            continue
        module = f"importer_{package}_{index}"
        (tmp_path / f"{module}.py").write_text(f"from reidbench.{package} import {name}\n")
        parts = compute_source_digest("x", module, OwnCode(packages=frozenset([module]))).parts
        is_left_out = package == "plugin" and home != "reidbench.plugin.method"
        assert (home in parts) != is_left_out, name


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("import reidbench.nn as layers", "reidbench.nn.convlstm"),
        ("from reidbench import nn", "reidbench.nn.convlstm"),
        ("from reidbench.nn import *", "reidbench.nn.convlstm"),
        ("import reidbench.nn.convlstm", "reidbench.nn.convlstm"),
        ("from reidbench.nn import convlstm", "reidbench.nn.convlstm"),
        ("from reidbench import evaluate", "reidbench.evaluation.scores"),
    ],
)
def test_every_form_of_import_finds_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, expected: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "importer.py").write_text(statement + "\n")

    own = OwnCode(packages=frozenset(["importer"]))

    assert expected in compute_source_digest("x", "importer", own).parts


def test_computing_all_digests_imports_no_framework() -> None:
    code = (
        "import sys; from reidbench.plugin.manager import Plugins; plugins = Plugins()\n"
        "digests = {plugins.source(name).value for name in plugins.methods}\n"
        "modules = {spec.target.partition(':')[0] for spec in plugins.methods.values()}\n"
        "print(len(digests) == len(modules), 'torch' in sys.modules)"
    )

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert answer.stdout.split() == ["True", "False"]
