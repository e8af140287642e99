"""Hostile plugins: every hook and every method of a method class, with errors and results of the wrong kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.calls import Answer, run_command
from tests.hostile.outcomes import Outcome
from tests.hostile.world import copy_world

TEMPLATE = """
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from reidbench.datasets import stream_frames
from reidbench.errors import ReidbenchError
from reidbench.plugin import DatasetSpec, Embeddings, Method, MethodSpec, hookimpl


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")


class Odd(BaseException):
    pass


class Wide:
    def __len__(self):
        return 10**12

    def __iter__(self):
        raise SystemExit(0)


def recurse(*values):
    return recurse(values)


def hostile(*arguments, **options):
    {effect}


{at_import}


@dataclass(frozen=True, kw_only=True)
class Config:
    size: int = 16
    {config}


class Hostile(Method):
    name, version, Config, presets = "hostile", "1", Config, {{"paper": Config()}}

    def fit(self, train, job):
        job.log(0, loss=1.0)
        return None

    def state(self):
        return {{}}

    def restore(self, state):
        pass

    def embed(self, tracklets):
        rows = [torch.tensor(frames.mean((0, 2)).ravel()) for frames in stream_frames(tracklets, (16, 8))]
        return Embeddings(values=torch.stack(rows).float())

    {method}


@hookimpl
def reidbench_methods():
    {methods}


{hook}
"""

# What a call does instead.
ERRORS = {
    "SystemExit": "raise SystemExit('stop')",
    "sys.exit(0)": "sys.exit(0)",
    "sys.exit(77)": "sys.exit(77)",
    "KeyboardInterrupt": "raise KeyboardInterrupt",
    "BaseException": "raise Odd('odd')",
    "GeneratorExit": "raise GeneratorExit",
    "StopIteration": "raise StopIteration",
    "recursion": "recurse()",
    "RecursionError": "raise RecursionError('maximum recursion depth exceeded')",
    "MemoryError": "raise MemoryError('of a plugin')",
    "error without text": "raise Unprintable",
    "control characters": "raise ValueError('\\x1b[31mred\\x07 two\\nlines \\u202e')",
    "long text": "raise ValueError('x' * 100_000)",
    "OSError": "raise OSError(28, 'No space left on device', 'file')",
    "BrokenPipeError": "raise BrokenPipeError(32, 'Broken pipe')",
    "click.Abort": "import click; raise click.Abort",
    "ReidbenchError": "error = ReidbenchError('two\\nlines'); error.exit_code = 0; raise error",
}
RESULTS = {
    "None": "return None",
    "NumPy array": "return np.zeros((8, 4))",
    "list": "return [[1.0, 2.0]]",
    "sparse tensor": "return torch.eye(8).to_sparse()",
    "text": "return 'text'",
    "wrong shape": "return torch.zeros(3, 2, 1, 1, 1)",
    "NaN": "return torch.full((4, 4), float('nan'))",
    "integer": "return 10**30",
    "function": "return hostile",
    "wide object": "return Wide()",
    "class": "return Embeddings",
    "embeddings of NaN": "return Embeddings(values=torch.full((len(arguments[-1]), 4), float('nan')))",
    "embeddings of lists": "return Embeddings(values=[[1.0]] * len(arguments[-1]))",
    "embeddings of NumPy": "return Embeddings(values=np.zeros((len(arguments[-1]), 4), np.float32))",
    "embeddings of texts": "return Embeddings(values='text')",
    "sparse embeddings": "return Embeddings(values=torch.ones(len(arguments[-1]), 4).to_sparse())",
    "integer embeddings": "return Embeddings(values=torch.ones(len(arguments[-1]), 4).long())",
    "complex embeddings": "return Embeddings(values=torch.ones(len(arguments[-1]), 4, dtype=torch.complex64))",
    "embeddings too large for float32": "return Embeddings(values=torch.full((len(arguments[-1]), 4), 1e300).double())",
    "one embedding too few": "return Embeddings(values=torch.ones(len(arguments[-1]) - 1, 4))",
    "embeddings of no size": "return Embeddings(values=torch.ones(len(arguments[-1]), 0))",
    "random embeddings": "return Embeddings(values=torch.rand(len(arguments[-1]), 4))",
    "lengths of text": "return Embeddings(values=torch.ones(len(arguments[-1]), 2, 4), lengths='text')",
    "state of NumPy": "return {'a': np.zeros(3)}",
    "state of objects": "return {'a': Wide(), 1: object()}",
    "state of functions": "return {'a': hostile}",
}
METHODS = (
    "__init__", "prepare", "weights_digest", "needs_fit_to_match", "fit", "state", "restore", "embed", "distance",
    "pair_scorer",
)  # fmt: skip
HOOKS = (
    "reidbench_methods", "reidbench_datasets", "reidbench_protocols", "reidbench_run_start", "reidbench_epoch_end",
    "reidbench_trial_end", "reidbench_run_end",
)  # fmt: skip
# Specs and classes that break a rule.
SPECS = {
    "path as name": "return [MethodSpec(name='../../hostile', target=f'{__name__}:Hostile', summary='x')]",
    "control characters in a name": "return [MethodSpec(name='\\x1b[31m', target=f'{__name__}:Hostile', summary='x')]",
    "empty name": "return [MethodSpec(name='', target=f'{__name__}:Hostile', summary='x')]",
    "number as name": "return [MethodSpec(name=3, target=f'{__name__}:Hostile', summary='x')]",
    "long name": "return [MethodSpec(name='x' * 5000, target=f'{__name__}:Hostile', summary='x')]",
    "name taken": "return [MethodSpec(name='color-lbp', target=f'{__name__}:Hostile', summary='x')]",
    "other class": "return [MethodSpec(name='hostile', target='reidbench_plugins.duatm.method:DuAtm', summary='x')]",
    "missing class": "return [MethodSpec(name='hostile', target=f'{__name__}:Missing', summary='x')]",
    "missing module": "return [MethodSpec(name='hostile', target='missing.module:Hostile', summary='x')]",
    "no class": "return [MethodSpec(name='hostile', target=f'{__name__}:hostile', summary='x')]",
    "target without a class": "return [MethodSpec(name='hostile', target='', summary='x')]",
    "target of another type": "return [MethodSpec(name='hostile', target=7, summary='x')]",
    "modality": "return [MethodSpec(name='hostile', target=f'{__name__}:Hostile', summary='x', modality='sound')]",
    "summary": "return [MethodSpec(name='hostile', target=f'{__name__}:Hostile', summary='\\x1b[2J\\n' * 50)]",
    "dictionary": "return {'hostile': Hostile}",
    "class instead of a spec": "return [Hostile]",
    "the same name twice": "return [MethodSpec(name='hostile', target=f'{__name__}:Hostile', summary='x')] * 2",
}
_SPEC = "return [MethodSpec(name='hostile', target=f'{__name__}:Hostile', summary='x')]"


def list_plugins() -> list[tuple[str, str]]:
    """Return the name and the source of every hostile plugin."""
    return [*_break_methods(), *_break_hooks(), *_break_modules()]


def _make(**parts: str) -> str:
    names = ("effect", "at_import", "config", "method", "hook")
    defaults = dict.fromkeys(names, "pass") | {"at_import": "", "config": "", "method": "", "hook": ""}
    return TEMPLATE.format(**{**defaults, "methods": _SPEC, **parts})


def _break_methods() -> Iterator[tuple[str, str]]:
    for method in METHODS:
        for name, effect in (ERRORS | RESULTS).items():
            is_embedding = "embedding" in name or "lengths" in name
            if (is_embedding and method != "embed") or ("state of" in name and method != "state"):
                continue
            yield f"{name} in {method}", _make(effect=effect, method=f"{method} = hostile")
    for name, effect in (ERRORS | RESULTS).items():
        if "embedding" not in name and "state" not in name and "lengths" not in name:
            scorer = "def pair_scorer(self, query, gallery):\n        return hostile"
            yield f"{name} in a pair scorer", _make(effect=effect, method=scorer)


def _break_hooks() -> Iterator[tuple[str, str]]:
    for hook in HOOKS:
        for name, effect in (ERRORS | RESULTS).items():
            if "arguments" in effect or "state" in name:
                continue
            if hook == "reidbench_methods":
                yield f"{name} in {hook}", _make(effect=effect, methods="return hostile()")
            else:
                yield (
                    f"{name} in {hook}",
                    _make(effect=effect, hook=f"@hookimpl\ndef {hook}():\n    return hostile()"),
                )
    for name, source in SPECS.items():
        yield f"{name} of a spec", _make(methods=source)
    changes = {
        "figures": "figures.clear()",
        "record": "record.clear()",
        "values": "values['loss'] = 'text'",
        "config": "config['size'] = -1",
    }
    hooks = {"figures": "trial_end", "record": "run_end", "values": "epoch_end", "config": "run_start"}
    for argument, change in changes.items():
        hook = f"@hookimpl\ndef reidbench_{hooks[argument]}({argument}):\n    {change}"
        yield f"change of {argument}", _make(hook=hook)


def _break_modules() -> Iterator[tuple[str, str]]:
    for name, effect in ERRORS.items():
        yield f"{name} at import", _make(effect=effect, at_import="hostile()")
        check = "def __post_init__(self): hostile()"
        yield f"{name} in the settings", _make(effect=effect, config=check)
    yield "unknown hook", _make(hook="@hookimpl\ndef reidbench_method():\n    return []")
    yield "unknown argument", _make(hook="@hookimpl\ndef reidbench_run_end(recordings):\n    return None")
    yield "syntax error", "def f(:\n"
    yield "bytes", "\x00\x01"
    yield "nothing", ""
    for name, line in {
        "presets": "presets = {}",
        "presets of another type": "presets = 7",
        "version": "version = None",
        "version with control characters": "version = '\\x1b[31m'",
        "class name": "name = 'color-lbp'",
        "settings class": "Config = dict",
        "modality": "modality = 'sound'",
        "learns": "learns = 'no'",
    }.items():
        yield f"odd {name}", _make(method=line)


PLUGINS = list_plugins()
COMMAND = ("run", "-m", "hostile", "-p", "tiny", "--plugin", "hostile.py", "--plugin", "tiny_plugin.py")


def prepare_plugins(folder: Path) -> None:
    """Write the plugin with the protocol, and the rendered tree."""
    copy_world(folder)


def write_hostile(folder: Path, random: Random) -> str:
    """Write one of the plugins and return what it does."""
    name, source = random.choice(PLUGINS)
    (folder / "hostile.py").write_text(source, encoding="utf-8")
    return name


def read_hostile(folder: Path) -> Answer:
    """Run the method of the plugin."""
    return run_command(folder, [*COMMAND, "--device", "cpu", "--json"])


def judge_hostile(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Exit code 0 needs a record with the figures that the method without the hostile part has."""
    try:
        record = json.loads(answer.out)
        figures = {name: row["mean"] for name, row in record["figures"].items()}
    except (ValueError, KeyError, TypeError):
        return Outcome.WRONG, f"exit code {answer.code} without a record"
    return Outcome.ACCEPTED, str(figures.get("rank1"))
