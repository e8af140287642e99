from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "reidbench").rglob("*.py"))
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))

# From the bottom up. A module may import from its own package and from the layers below it.
LAYERS = [
    {
        "errors",
        "files",
        "fingerprints",
        "cache",
        "entries",
        "checkpoint",
        "progress",
        "names",
        "logs",
        "source",
        "limits",
        "interrupts",
        "arrays",
    },
    {"plugin", "nn"},
    {"datasets"},
    {"protocols"},
    {"evaluation", "features"},
    {"training"},
    {"records", "attention"},
    {"runner"},
    {"leaderboard", "audit"},
    {"testing"},
    {"cli"},
]
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}
PUBLIC_TO_PLUGINS = {
    "reidbench",
    "reidbench.plugin",
    "reidbench.training",
    "reidbench.nn",
    "reidbench.datasets",
}
HEAVY = {
    "torch",
    "torchvision",
    "pandas",
    "h5py",
    "cv2",
    "scipy",
    "skimage",
    "sklearn",
    "numpy",
    "lightning_fabric",
    "matplotlib",
}


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Yield the modules a file imports for running, absolute names; those for type checkers are left out."""

    def visit(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if top_level_only and isinstance(node, ast.FunctionDef):
            return
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
        for child in ast.iter_child_nodes(node):
            yield from visit(child)

    yield from visit(ast.parse(path.read_text(encoding="utf-8")))


def layer_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "reidbench" and len(parts) > 1 else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down(path: Path) -> None:
    package = path.relative_to(ROOT / "reidbench").parts[0].removesuffix(".py")
    if package in ("__init__", "__main__"):
        return
    for module in imports(path):
        imported = layer_of(module)
        if imported is None or imported == package:
            continue
        is_same_layer = LEVEL[imported] == LEVEL[package]
        assert LEVEL[imported] <= LEVEL[package], f"{package} imports {module}, which is in a higher layer"
        allowed = LEVEL[package] == 0 or (package, imported) == ("plugin", "nn")
        assert not is_same_layer or allowed, f"{package} imports {module}, which is in the same layer"


def test_evaluation_imports_errors_and_itself_only() -> None:
    imported = {
        module for path in (ROOT / "reidbench" / "evaluation").rglob("*.py") for module in imports(path)
    }

    assert {layer_of(module) for module in imported} <= {None, "evaluation", "errors"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_never_imports_a_first_party_plugin(path: Path) -> None:
    assert not [
        module for module in imports(path) if module.split(".")[0] in ("reidbench_plugins", "plugins")
    ]


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_import_public_names_only(path: Path) -> None:
    ours = [module for module in imports(path) if module.split(".")[0] == "reidbench"]

    assert not [module for module in ours if module not in PUBLIC_TO_PLUGINS]


def test_only_runner_data_imports_the_renderer() -> None:
    renderer = ROOT / "reidbench" / "datasets" / "synthetic"
    for path in SOURCES:
        if renderer in path.parents or path == ROOT / "reidbench" / "runner" / "data.py":
            continue
        wrong = [module for module in imports(path) if module.startswith("reidbench.datasets.synthetic")]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong[0]}"


def test_only_cli_output_prints() -> None:
    for path in SOURCES:
        if path == ROOT / "reidbench" / "cli" / "output.py":
            continue
        text = path.read_text(encoding="utf-8")
        wrong = re.findall(
            r"\b(?:click\.s?echo|print|logging\.Formatter)\(",
            text.replace("class PrintableFormatter(logging.Formatter)", ""),
        )
        assert not wrong, (
            f"{path.relative_to(ROOT)} calls {wrong[0]}...); use `echo` of reidbench.cli.output, or PrintableFormatter"
        )


@pytest.mark.parametrize("folder", ["cli", "plugin"])
def test_help_and_listings_import_nothing_heavy(folder: str) -> None:
    for path in (ROOT / "reidbench" / folder).rglob("*.py"):
        heavy = {module.split(".")[0] for module in imports(path, top_level_only=True)} & HEAVY
        assert not heavy, f"{path.name} imports {heavy} when it is imported"


def test_the_package_list_names_every_package_on_disk() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    mapped = {folder: name for name, folder in settings["package-dir"].items()}
    found = set()
    for top in ("reidbench", *mapped):
        for init in (ROOT / top).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT).parts
            found.add(".".join((mapped.get(parts[0], parts[0]), *parts[1:])))

    assert found == set(settings["packages"])


def test_every_protocol_file_is_package_data() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]

    assert "*.toml" in settings["package-data"]["reidbench_protocols"]


def test_every_first_party_entry_point_can_be_imported() -> None:
    from importlib.metadata import entry_points

    ours = [
        entry for entry in entry_points(group="reidbench") if entry.dist and entry.dist.name == "reidbench"
    ]
    written = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]

    assert {entry.name for entry in ours} == set(written["reidbench"])
    for entry in ours:
        assert entry.load() is sys.modules[entry.value]


def test_modules_have_no_import_circle() -> None:
    parts = [path.relative_to(ROOT).with_suffix("").parts for path in SOURCES]
    names = [".".join(part).removesuffix(".__init__") for part in parts]
    graph = {name: list_imports(path, set(names)) for name, path in zip(names, SOURCES, strict=True)}

    # Raises CycleError with the modules of the circle.
    TopologicalSorter(graph).prepare()


def list_imports(path: Path, names: set[str]) -> set[str]:
    """Return the modules of `names` that a file imports at its top level; `from p import m` imports the module p.m."""
    modules = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            modules |= submodules & names or {node.module} & names
    return modules
