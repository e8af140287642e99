from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reidbench.errors import ConfigError, PluginError, UnknownNameError
from reidbench.interrupts import handle_interrupts
from reidbench.plugin import MethodSpec, hookimpl
from reidbench.plugin import hookspecs as hooks
from reidbench.plugin.hookspecs import hookspec
from reidbench.plugin.loading import load_target
from reidbench.plugin.manager import Plugins

GOOD = """
from reidbench.plugin import MethodSpec, hookimpl

@hookimpl
def reidbench_methods():
    return [MethodSpec(name="{method}", target="nowhere:Nothing", summary="a test")]
"""


class InMemory:
    """A plugin with every hook; what it is told lands in `seen`."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @hookimpl
    def reidbench_methods(self) -> list[MethodSpec]:
        return [MethodSpec(name="memory", target="nowhere:Nothing", summary="in memory")]

    @hookimpl
    def reidbench_datasets(self) -> list[object]:
        return []

    @hookimpl
    def reidbench_protocols(self) -> list[object]:
        return []

    @hookimpl
    def reidbench_run_start(self, method: str, fingerprint: str) -> None:
        self.seen.append(("start", method, fingerprint))

    @hookimpl
    def reidbench_epoch_end(self, epoch: int, values: dict[str, float]) -> None:
        self.seen.append(("epoch", epoch, values))

    @hookimpl
    def reidbench_trial_end(self, trial: int) -> None:
        self.seen.append(("trial", trial))

    @hookimpl
    def reidbench_run_end(self, record: dict[str, object]) -> None:
        self.seen.append(("end", record))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Install a module as a distribution with one entry point in the group."""
    monkeypatch.syspath_prepend(tmp_path)

    def install_module(distribution: str, entry: str, source: str) -> None:
        module = f"{distribution.replace('-', '_')}_module"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[reidbench]\n{entry} = {module}\n")
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install_module


def test_first_party_methods_are_found_through_the_entry_point_group() -> None:
    plugins = Plugins()

    assert {"siamese-convgru", "color-lbp"} <= set(plugins.methods)
    assert {"ilids", "demo"} <= set(plugins.protocols)
    assert "ilids-vid" in plugins.datasets
    assert plugins.failures == []


def test_a_third_partys_method_is_found_in_the_same_way(install: Callable[[str, str, str], None]) -> None:
    install("acme-reid", "acme", GOOD.format(method="acme-net"))

    assert Plugins().method("acme-net").summary == "a test"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("import a_module_nobody_has", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (
            "from reidbench.plugin import hookimpl\n@hookimpl\ndef reidbench_trial_end(wrong): pass",
            "PluginValidationError",
        ),
        (
            "from reidbench.plugin import hookimpl\n@hookimpl\ndef reidbench_typo(): pass",
            "PluginValidationError",
        ),
    ],
    ids=["raises", "missing-import", "exits", "wrong-argument", "unknown-hook"],
)
def test_a_broken_plugin_is_reported_and_breaks_nothing_else(
    install: Callable[[str, str, str], None], source: str, reason: str
) -> None:
    install("broken-reid", "aaa", source)

    plugins = Plugins()

    assert [(failure.plugin, failure.origin) for failure in plugins.failures] == [("aaa", "broken-reid")]
    assert reason in str(plugins.failures[0])
    assert "siamese-convgru" in plugins.methods


def test_asking_for_a_method_of_a_failed_plugin_says_that_it_failed(
    install: Callable[[str, str, str], None],
) -> None:
    install("broken-reid", "broken", "raise RuntimeError('boom')")

    with pytest.raises(UnknownNameError, match=r"unknown method 'acme'.*broken-reid.*boom"):
        Plugins().method("acme")


def test_of_two_plugins_with_one_name_the_first_distribution_stands(
    install: Callable[[str, str, str], None],
) -> None:
    install("aa-reid", "twice", GOOD.format(method="from-aa"))
    install("bb-reid", "twice", GOOD.format(method="from-bb"))

    plugins = Plugins()

    assert "from-aa" in plugins.methods
    assert "from-bb" not in plugins.methods
    assert "already used by 'aa-reid'" in str(plugins.failures[0])


def test_a_method_name_taken_twice_fails_the_later_plugin_and_names_both(
    install: Callable[[str, str, str], None],
) -> None:
    install("acme-reid", "acme", GOOD.format(method="color-lbp"))

    plugins = Plugins()

    assert plugins.method("color-lbp").target.startswith("reidbench_plugins")
    assert plugins.failures[0].plugin == "acme"
    assert "'color-lbp' is already used by plugin 'color-lbp'" in str(plugins.failures[0])


def test_an_unknown_name_suggests_the_nearest_and_the_command_that_lists_all() -> None:
    with pytest.raises(
        UnknownNameError, match=r"Did you mean siamese-convgru\?.*`reidbench methods`.*--plugin"
    ):
        Plugins().method("siamese-convgr")


def test_a_file_can_be_a_plugin_for_one_command(tmp_path: Path) -> None:
    file = tmp_path / "single.py"
    file.write_text(GOOD.format(method="single-file"))

    assert "single-file" in Plugins([file]).methods
    assert "single-file" not in Plugins().methods


def test_life_cycle_hooks_hear_what_they_ask_for_and_their_failures_are_contained() -> None:
    class Failing:
        @hookimpl
        def reidbench_trial_end(self, trial: int) -> None:
            raise RuntimeError(f"no tracker for trial {trial}")

    plugins, memory = Plugins(), InMemory()
    plugins.manager.register(memory, name="memory")
    plugins.manager.register(Failing(), name="failing")

    plugins.notify("reidbench_run_start", method="m", protocol="p", fingerprint="f", config={})
    plugins.notify("reidbench_epoch_end", fingerprint="f", trial=3, seed=0, epoch=7, values={"loss": 0.5})
    failures = plugins.notify(
        "reidbench_trial_end", fingerprint="f", trial=3, figures={}, seed=0, cached=False
    )
    plugins.notify("reidbench_run_end", record={"a": 1})

    assert memory.seen == [("start", "m", "f"), ("epoch", 7, {"loss": 0.5}), ("trial", 3), ("end", {"a": 1})]
    assert "no tracker for trial 3" in str(failures[0])


def test_the_in_memory_plugin_implements_every_hook_there_is() -> None:
    specified = {name for name in vars(hooks) if name.startswith("reidbench_")}
    assert hookspec.project_name == "reidbench"

    assert specified == {name for name in vars(InMemory) if name.startswith("reidbench_")}


def test_a_target_that_cannot_be_imported_is_a_plugin_error() -> None:
    with pytest.raises(PluginError, match="cannot load 'x' from nowhere:Nothing"):
        load_target("x", "nowhere:Nothing")


OFFERS = """
from reidbench.plugin import DatasetSpec, MethodSpec, hookimpl
spec = dict(name="good", target="nowhere:Nothing", summary="a test")
@hookimpl
def reidbench_methods():
    {statement}
"""


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("return None", "must return a list, got None"),
        ("return 'abc'", "must return a list, got 'abc'"),
        ("return {'a': 1}", "must return a list"),
        ("import numpy; return numpy.array(1.0)", "TypeError"),
        ("import itertools; return itertools.repeat(1)", "at most 10000 items"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return reidbench_methods()", "RecursionError"),
    ],
)
def test_a_failing_hook_is_reported_and_breaks_nothing_else(
    install: Callable[[str, str, str], None], statement: str, reason: str
) -> None:
    install("broken-reid", "broken", OFFERS.format(statement=statement))

    with handle_interrupts():
        plugins = Plugins()
        assert "siamese-convgru" in plugins.methods
    assert [failure.plugin for failure in plugins.failures] == ["broken"]
    assert reason in str(plugins.failures[0])


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("None", "method must be a MethodSpec, got None"),
        ("DatasetSpec(**spec, folder='a', access='b')", "method must be a MethodSpec"),
        ("MethodSpec(**{**spec, 'name': '../../x'})", "name of a method must be"),
        ("MethodSpec(**{**spec, 'name': 3})", "name of a method must be"),
        ("MethodSpec(**{**spec, 'name': 'color-lbp'})", "'color-lbp' is already used by plugin 'color-lbp'"),
        ("MethodSpec(**{**spec, 'target': 'nowhere'})", "must have the form 'module:NAME', got 'nowhere'"),
        ("MethodSpec(**{**spec, 'summary': None})", "summary of method 'good' must be a text, got None"),
        ("MethodSpec(**spec, modality='sound')", "must be one of video, image, both, got 'sound'"),
        ("MethodSpec(**spec, files='a.csv')", "must be a tuple of texts, got 'a.csv'"),
    ],
)
def test_an_invalid_spec_removes_only_itself(
    install: Callable[[str, str, str], None], item: str, reason: str
) -> None:
    other = "MethodSpec(**{**spec, 'name': 'other'})"
    install("acme-reid", "acme", OFFERS.format(statement=f"return [{item}, {other}]"))

    plugins = Plugins()

    assert {"other", "color-lbp"} <= set(plugins.methods)
    assert "good" not in plugins.methods
    (failure,) = plugins.failures
    assert reason in str(failure)


def test_an_invalid_protocol_path_removes_only_itself(install: Callable[[str, str, str], None]) -> None:
    offers = """
from pathlib import Path
from reidbench.plugin import hookimpl
@hookimpl
def reidbench_protocols():
    return [Path("a b.toml"), "text.toml", None, Path("data.json"), Path("fine.toml")]
"""
    install("acme-reid", "acme", offers)

    plugins = Plugins()

    assert {"fine", "ilids"} <= set(plugins.protocols)
    assert len(plugins.failures) == 4


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("x = (", "SyntaxError"),
        (GOOD.format(method="color-lbp"), "method name 'color-lbp' is already used by plugin 'color-lbp'"),
    ],
    ids=["raises", "exits", "interrupts", "no-python", "taken-name"],
)
def test_a_plugin_file_that_cannot_be_used_is_an_error(tmp_path: Path, source: str, reason: str) -> None:
    file = tmp_path / "single.py"
    file.write_text(source)

    with handle_interrupts(), pytest.raises(ConfigError) as raised:
        Plugins([file])

    assert str(raised.value).startswith(f"cannot load --plugin {file}: ")
    assert reason in str(raised.value)
    assert raised.value.exit_code == 2


def test_a_plugin_file_with_the_name_of_a_plugin_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "color-lbp.py"
    file.write_text(GOOD.format(method="other"))

    with pytest.raises(ConfigError, match="plugin name 'color-lbp' is already used by 'reidbench'"):
        Plugins([file])


def test_a_failing_hook_of_a_plugin_file_is_a_plugin_error(tmp_path: Path) -> None:
    file = tmp_path / "single.py"
    file.write_text(OFFERS.format(statement="return None"))

    with pytest.raises(
        PluginError, match=r"plugin 'single' of .* reidbench_methods must return a list, got None"
    ):
        Plugins([file])


def test_a_plugin_file_is_loaded_once_and_its_name_can_have_dots(tmp_path: Path) -> None:
    file = tmp_path / "my.own.py"
    file.write_text(GOOD.format(method="dotted").replace('"nowhere:Nothing"', 'f"{__name__}:Nothing"'))

    plugins = Plugins([file, tmp_path / "." / "my.own.py"])

    assert len(plugins.source("dotted").value) == 64


def test_a_plugin_file_can_offer_a_class_of_an_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "acme_models.py").write_text("import json\n")
    (tmp_path / "folder").mkdir()
    file = tmp_path / "folder" / "single.py"
    file.write_text(GOOD.format(method="acme").replace("nowhere", "acme_models"))

    assert set(Plugins([file]).source("acme").parts) >= {"acme_models", "plugin file"}


def test_life_cycle_hooks_get_copies() -> None:
    class Greedy:
        @hookimpl
        def reidbench_run_end(self, record: dict[str, list[int]]) -> None:
            record["figures"].clear()

    plugins, memory, record = Plugins(), InMemory(), {"figures": [1]}
    plugins.manager.register(memory, name="memory")
    # The plugin that is registered last is called first.
    plugins.manager.register(Greedy(), name="greedy")

    assert plugins.notify("reidbench_run_end", record=record) == []

    assert record == {"figures": [1]}
    assert memory.seen == [("end", {"figures": [1]})]


@pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt(), ConfigError("no"), GeneratorExit()])
def test_whatever_a_life_cycle_hook_raises_is_contained(error: BaseException) -> None:
    class Failing:
        @hookimpl
        def reidbench_run_end(self) -> None:
            raise error

    plugins = Plugins()
    plugins.manager.register(Failing(), name="failing")

    with handle_interrupts():
        (failure,) = plugins.notify("reidbench_run_end", record={})

    assert f"plugin 'failing' of '?' failed: {type(error).__name__}" in str(failure)
