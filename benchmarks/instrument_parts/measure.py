"""Measurements: audits, networks, frames, oracles; each on copies of a protocol with other renderer seeds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from instrument_parts.results import Results, Trial
from reidbench.audit import AuditRequest, score_audits
from reidbench.cache import Cache
from reidbench.datasets import FrameLoader
from reidbench.datasets.frames import Frames, Size
from reidbench.datasets.masks import FOLDER, MASK_PERSON, read_mask
from reidbench.datasets.synthetic.people import draw_people
from reidbench.evaluation import evaluate
from reidbench.plugin import Runtime
from reidbench.plugin.loading import load_method
from reidbench.plugin.manager import Plugins
from reidbench.plugin.specs import is_audit
from reidbench.protocols import Protocol, load_protocol
from reidbench.runner import RunRequest
from reidbench.runner.plan import choose
from reidbench.runner.run import run

FRAMES = (1, 16)
"""Numbers of frames per tracklet that are compared."""
# The network whose oracle gets masks: without attention, it weighs all pixels equally.
WITHOUT_ATTENTION = ("conv-attention", {"attention_filters": "0"})
# Level of grey of pixels that the oracle does not attend to.
_GREY = 128
# Standard deviation of the noise of one view, in units of the scales of the parameters of an appearance.
VIEW_NOISE = 0.5
_PLUGIN = """
from pathlib import Path
from reidbench.plugin import hookimpl

@hookimpl
def reidbench_protocols():
    return sorted(Path(__file__).parent.glob("*-seed-*.toml"))
"""


@dataclass(frozen=True)
class Workplace:
    """What all measurements share.

    Attributes:
        plugins: with the copies of the protocols.
        folder: of records and of the cache of the oracle of masks.
        results: what was measured.
        methods: methods that are run, besides audits; none: all.
        overrides: settings of all networks on top of their preset `small`.
    """

    plugins: Plugins
    folder: Path
    results: Results
    methods: Collection[str]
    overrides: Mapping[str, str]

    def protocol(self, name: str, seed: int) -> Protocol:
        """Return the copy of a protocol with a renderer seed."""
        return load_protocol(self.plugins.protocol(copy_name(name, seed)))


def copy_name(protocol: str, seed: int, frames: int | None = None) -> str:
    """Return the name of the copy of a protocol with a renderer seed and a limit of frames."""
    return f"{protocol}-seed-{seed}" + (f"-frames-{frames}" if frames else "")


def write_copies(protocols: list[str], seeds: list[int], folder: Path, files: list[Path]) -> Plugins:
    """Write copies of protocols with other renderer seeds and limits of frames; return a registry that has them.

    Args:
        protocols: names.
        seeds: seeds of the renderer.
        folder: receives the copies.
        files: plugin files that offer protocols.
    """
    folder.mkdir(parents=True, exist_ok=True)
    registry = Plugins(files)
    for name in protocols:
        file = registry.protocol(name)
        text, protocol = file.read_text(encoding="utf-8"), load_protocol(file)
        for seed in seeds:
            for frames in (None, *FRAMES):
                path = folder / f"{copy_name(name, seed, frames)}.toml"
                path.write_text(_edit(text, protocol, seed, frames), encoding="utf-8")
    plugin = folder / "instrument_protocols.py"
    plugin.write_text(_PLUGIN, encoding="utf-8")
    return Plugins([*files, plugin])


def _edit(text: str, protocol: Protocol, seed: int, frames: int | None) -> str:
    # The rendered tree has a split file of its own.
    text = re.sub(r"^table = .*\n", "", text, flags=re.M)
    if protocol.synthetic is None:
        people = f"people = {protocol.trials.people}\n" if protocol.trials.people else ""
        text += f"\n[synthetic]\n{people}seed = {seed}\nmasks = true\n"
    else:
        text = re.sub(r"(synthetic(?:\]| = \{)[^\[}]*?\bseed = )\d+", rf"\g<1>{seed}", text)
    if frames is not None and protocol.modality == "video":
        text = re.sub(r"^\[frames\]\n(?:[^\[\n].*\n)*", "", text, flags=re.M)
        text += f'\n[frames]\nlimit = {frames}\nquery = "first"\ngallery = "last"\n'
    return text


def measure_audits(work: Workplace, protocol: str, seed: int) -> None:
    """Measure all audits."""
    if work.results.has(protocol, seed, "audit-border"):
        return
    found = score_audits(AuditRequest(target=copy_name(protocol, seed)), work.plugins, Cache())
    # The first name shows that the part is complete, so it is written last.
    for name in sorted(found.scores, key=lambda name: name == "audit-border"):
        work.results.add(protocol, seed, name, [Trial.of(scores) for scores in found.scores[name]])


def list_methods(work: Workplace, modality: str) -> list[str]:
    """Return the chosen methods that accept the data, without audits."""
    return [
        name
        for name, spec in work.plugins.methods.items()
        if not is_audit(name)
        and spec.modality in (modality, "both")
        and (not work.methods or name in work.methods)
    ]


def is_network(work: Workplace, name: str) -> bool:
    """Return whether a method has a preset `small`, as all networks have."""
    return "small" in load_method(work.plugins.method(name)).presets


def measure_networks(work: Workplace, protocol: str, seed: int) -> None:
    """Measure every network, trained and untrained, and every other method that learns nothing."""
    for name in list_methods(work, work.protocol(protocol, seed).modality):
        if is_network(work, name):
            _measure_run(work, protocol, seed, f"{name} untrained", name, {"epochs": "0"})
        _measure_run(work, protocol, seed, name, name, {})


def measure_frames(work: Workplace, protocol: str, seed: int) -> None:
    """Measure every trained network with 1 and with 16 frames per tracklet; the fits are those of all frames."""
    if work.protocol(protocol, seed).modality != "video":
        return
    for name in filter(partial(is_network, work), list_methods(work, "video")):
        for frames in FRAMES:
            _measure_run(work, protocol, seed, f"{name} frames {frames}", name, {}, frames=frames)


def measure_masks(work: Workplace, protocol: str, seed: int) -> None:
    """Measure a network without attention on all pixels, and on frames that show the person only."""
    name, settings = WITHOUT_ATTENTION
    if work.protocol(protocol, seed).modality != "video":
        return
    _measure_run(work, protocol, seed, f"{name} without attention", name, settings)
    _measure_run(work, protocol, seed, f"{name} masks", name, settings, loader=MaskedLoader())


def measure_oracle(work: Workplace, protocol: str, seed: int) -> None:
    """Measure an oracle: the true parameters of the appearance, with noise in both views."""
    if work.results.has(protocol, seed, "oracle"):
        return
    rules = work.protocol(protocol, seed)
    if rules.synthetic is None:
        return
    vectors = np.stack([person.vector() for person in draw_people(seed, rules.synthetic.people)])
    count = rules.trials.test_people or len(vectors) // 2
    random = np.random.default_rng(seed)
    trials = []
    for _ in range(rules.trials.count):
        tested = random.permutation(len(vectors))[:count]
        views = [vectors[tested] + random.normal(0, VIEW_NOISE, (count, vectors.shape[1])) for _ in range(2)]
        ones = np.ones(count, dtype=np.int64)
        trials.append(Trial.of(evaluate(views[0], views[1], tested + 1, tested + 1, ones, 2 * ones)))
    work.results.add(protocol, seed, "oracle", trials)


class MaskedLoader(FrameLoader):
    """Decodes frames of a rendered tree with masks, and sets all pixels but those of the person to grey."""

    def decode(self, file: Path, size: Size | None) -> Frames:
        """Return one frame; see `FrameLoader.decode`."""
        frame = super().decode(file, size).copy()
        root = next(folder for folder in file.parents if (folder / FOLDER).is_dir())
        shape = (frame.shape[1], frame.shape[0])
        mask = cv2.resize(read_mask(root, file), shape, interpolation=cv2.INTER_NEAREST)
        frame[mask != MASK_PERSON] = _GREY
        return frame


def _measure_run(
    work: Workplace,
    protocol: str,
    seed: int,
    key: str,
    method: str,
    settings: Mapping[str, str],
    *,
    frames: int | None = None,
    loader: FrameLoader | None = None,
) -> None:
    """Run a method; networks use their preset `small`. Frames of another loader have a cache of their own."""

    def execute() -> tuple[list[Trial], float]:
        has_small = is_network(work, method)
        request = RunRequest(
            method=method,
            protocol=copy_name(protocol, seed, frames),
            preset="small" if has_small else None,
            overrides={**(work.overrides if has_small else {}), **settings},
        )
        runtime = Runtime(progress=True)
        cache = Cache() if loader is None else Cache(work.folder / "masked-cache")
        choice = choose(request, work.plugins, runtime)
        options: dict[str, Any] = {"cache": cache, "output": work.folder / "runs"}
        record, path = run(choice, work.plugins, runtime, loader=loader or FrameLoader(), **options)
        return [Trial.of(scores) for scores in record.read_scores(path)[0]], record.seconds.fit

    torch.manual_seed(0)
    work.results.measure(protocol, seed, key, execute)
