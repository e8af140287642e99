"""The table of all readers: how to make a valid input, how to damage it, and how to read it as a user does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from scipy.io import savemat

from reidbench.checkpoint import load_checkpoint, save_checkpoint
from reidbench.datasets.frames import decode
from reidbench.datasets.matlab import load_mat
from reidbench.plugin.loading import load_target
from reidbench.plugin.manager import Plugins
from tests.hostile import arrays, pictures, plugins
from tests.hostile.calls import call, run_command
from tests.hostile.commands import format_arguments, list_commands, make_command_line
from tests.hostile.damage import BYTE_EDITS, TEXT_EDITS, Edit, damage_file
from tests.hostile.outcomes import Answer, Outcome
from tests.hostile.reader import TRUTH, Reader, judge_plain
from tests.hostile.structures import damage_json, damage_toml
from tests.hostile.world import copy_world, run_tiny, write_plugin

Damage = Callable[[Path, Random], str]
Structure = Callable[[Path, Random], str]


def damage_files(
    pattern: str, structure: Structure | None = None, edits: Sequence[Edit] = BYTE_EDITS, share: float = 0.5
) -> Damage:
    """Return a function that damages one file of a folder.

    Args:
        pattern: of the files.
        structure: structural edit of such a file.
        edits: edits of its bytes.
        share: of structural edits.
    """

    def damage(folder: Path, random: Random) -> str:
        files = sorted(path for path in folder.rglob(pattern) if path.is_file())
        path = random.choice(files)
        if structure is not None and random.random() < share:
            return f"{structure(path, random)} ({path.name})"
        others = [other for other in files if other != path]
        return damage_file(path, random, edits, others)

    return damage


def write_truth(folder: Path, answer: Answer) -> None:
    """Write the output for the valid input."""
    if answer.code not in (0, 1) or answer.traceback:
        raise RuntimeError(f"a valid input was refused: {answer.err}{answer.traceback}")
    (folder / TRUTH).write_text(answer.out, encoding="utf-8", errors="surrogateescape")


def judge_figures(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Only the true figures may be printed."""
    outcome, detail = judge_plain(valid, folder, answer)
    return (Outcome.WRONG, detail) if outcome is Outcome.ACCEPTED and answer.code == 0 else (outcome, detail)


def keep_figures(answer: Answer) -> Answer:
    """Reduce the record that a command printed to its figures; code 1 without output stays."""
    if answer.code != 0 or answer.traceback:
        return answer
    record = json.loads(answer.out)
    kept = {name: record[name] for name in ("figures", "trials", "per_query", "cmc", "chance")}
    kept["per_query"].pop("file", None)
    return replace(answer, out=json.dumps(kept, sort_keys=True))


# Records ------------------------------------------------------------------------------------------------------------


def prepare_board(folder: Path) -> None:
    """Write two records and the figures that a board shows."""
    copy_world(folder)
    shutil.rmtree(folder / "cache")
    write_truth(folder, read_board(folder))


def read_board(folder: Path) -> Answer:
    """Print a board, and keep the figures of each row."""
    answer = run_command(folder, ["leaderboard", "show", "--format", "json"])
    if answer.code != 0 or not answer.out.strip():
        return answer
    rows = [
        {name: row[name] for name in ("figures", "trials", "cmc", "chance")} for row in json.loads(answer.out)
    ]
    # An edit of the last digits is not an edit of the figure.
    texts = sorted(json.dumps(_round_numbers(row), sort_keys=True) for row in rows)
    return replace(answer, out=json.dumps(texts))


def _round_numbers(value: Any) -> Any:
    """Return rounded numbers, without null fields: a missing field is the same."""
    if isinstance(value, dict):
        return {key: _round_numbers(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_round_numbers(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


def judge_board(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Every row must have true figures; a row that is missing must be named."""
    truth = json.loads((valid / TRUTH).read_text(encoding="utf-8"))
    rows = json.loads(answer.out) if answer.out.strip() else []
    if other := [row for row in rows if row not in truth]:
        return Outcome.WRONG, other[0][:200]
    if rows == truth:
        return Outcome.SAME, ""
    return (Outcome.REFUSED, answer.err[:200]) if answer.err.strip() else (Outcome.ACCEPTED, "row left out")


def read_table(folder: Path) -> Answer:
    """Print a board as a table."""
    return run_command(folder, ["leaderboard", "show"])


def prepare_verify(folder: Path) -> None:
    """Write one record with its per-query values and its features."""
    copy_world(folder)
    shutil.rmtree(folder / "cache")
    (path,) = folder.glob("runs/records/tiny/tiny-rows-*.json")
    shutil.copy(path, folder / "original.json")
    path.rename(path.with_name("record.json"))
    (side,) = folder.glob("runs/records/tiny/tiny-rows-*.csv")
    side.rename(side.with_name("record.per_query.csv"))
    record = json.loads((folder / "original.json").read_text(encoding="utf-8"))
    record["per_query"]["file"] = "record.per_query.csv"
    path.with_name("record.json").write_text(json.dumps(record), encoding="utf-8")
    write_truth(folder, read_verify(folder))


def read_verify(folder: Path) -> Answer:
    """Verify the record by its features."""
    record = "runs/records/tiny/record.json"
    return run_command(folder, ["verify", record, "--features", "tiny-rows.h5", "--device", "cpu"])


def judge_verify(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """A record or file with other figures must not be confirmed."""
    if answer.code == 1:
        return (Outcome.REFUSED if answer.out.strip() else Outcome.UNCLEAR), answer.out[:200]
    paths = [root / "runs/records/tiny/record.json" for root in (valid, folder)]
    true, damaged = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    names = ("figures", "trials", "cmc", "chance")
    same = all(_round_numbers(true[name]) == _round_numbers(damaged.get(name)) for name in names)
    return (Outcome.SAME, "") if same else (Outcome.WRONG, answer.out[:200])


def damage_verify(folder: Path, random: Random) -> str:
    """Damage the record, its per-query values or its features."""
    choice = random.random()
    if choice < 0.6:
        return damage_files("record.json", damage_json, TEXT_EDITS, 0.75)(folder, random)
    if choice < 0.8:
        return damage_files("record.per_query.csv", None, TEXT_EDITS)(folder, random)
    return damage_files("tiny-rows.h5", arrays.damage_hdf5)(folder, random)


# Caches -------------------------------------------------------------------------------------------------------------


def prepare_cache(folder: Path, *, method: str, deleted: Sequence[str] = (), stopped: bool = False) -> None:
    """Write the cache of a run, without some kinds of entries, and the figures of the run."""
    copy_world(folder)
    truth = keep_figures(run_tiny(folder, method))
    shutil.rmtree(folder)
    folder.mkdir()
    copy_world(folder, stopped=stopped)
    write_truth(folder, truth)
    shutil.rmtree(folder / "runs")
    for kind in deleted:
        for path in folder.glob(f"cache/**/{kind}"):
            shutil.rmtree(path)


def read_cached_run(folder: Path, *, method: str) -> Answer:
    """Run the method again."""
    return keep_figures(run_tiny(folder, method))


def cache_reader(
    name: str,
    method: str,
    pattern: str,
    *,
    deleted: Sequence[str] = (),
    stopped: bool = False,
    **options: Any,
) -> Reader:
    """Return the reader of one kind of cache entry: the repeated run must print the true figures."""
    return Reader(
        name=name,
        prepare=partial(prepare_cache, method=method, deleted=deleted, stopped=stopped),
        damage=damage_files(pattern, **options),
        read=partial(read_cached_run, method=method),
        judge=judge_figures,
    )


def prepare_checkpoint(folder: Path) -> None:
    """Write a checkpoint of its own."""
    import torch

    contents = {"network": {"weight": torch.arange(6.0).reshape(2, 3)}, "epoch": 3, "names": ["a", "b"]}
    save_checkpoint(folder / "checkpoint.pt", "fingerprint", contents)
    write_truth(folder, read_checkpoint(folder))


def judge_checkpoint(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """A missing file is no checkpoint."""
    return (Outcome.SAME, "") if answer.out.strip() == '"None"' else judge_figures(valid, folder, answer)


def read_checkpoint(folder: Path) -> Answer:
    """Load a checkpoint."""
    return call(folder, lambda: str(load_checkpoint(folder / "checkpoint.pt", "fingerprint")))


# Feature files ------------------------------------------------------------------------------------------------------


def make_search() -> dict[str, Any]:
    """Return the arrays of a small search by the argument names of `reidbench.evaluate`."""
    rng = np.random.default_rng(5)
    sides: dict[str, Any] = {}
    for side, count in (("query", 6), ("gallery", 12)):
        sides[f"{side}_features"] = rng.normal(size=(count, 4)).astype(np.float32)
        sides[f"{side}_pids"] = np.arange(count) % 5 + 1
        sides[f"{side}_camids"] = np.arange(count) % 3 + (side == "gallery")
    return sides


def prepare_features(folder: Path, *, suffix: str, protocol: str | None = None) -> None:
    """Write a feature file, and its figures."""
    if suffix == ".h5":
        copy_world(folder)
        shutil.copy(folder / "tiny-rows.h5", folder / "features.h5")
        shutil.copy(folder / "tiny-scaled.h5", folder / "other.h5")
        shutil.rmtree(folder / "runs")
        if protocol is None:
            shutil.rmtree(folder / "cache")
    elif suffix == ".npz":
        np.savez(folder / "features.npz", **make_search())
    else:
        names = {"features": "f", "pids": "label", "camids": "cam"}
        variables = {
            f"{key.partition('_')[0]}_{names[key.partition('_')[2]]}": value
            for key, value in make_search().items()
        }
        savemat(folder / "features.mat", variables)
    write_truth(folder, read_features(folder, suffix=suffix, protocol=protocol))


def read_features(folder: Path, *, suffix: str, protocol: str | None = None) -> Answer:
    """Evaluate a feature file."""
    options = ["-p", protocol, "--plugin", "tiny_plugin.py"] if protocol else []
    answer = run_command(
        folder, ["evaluate", f"features{suffix}", "--device", "cpu", "--output", "runs", "--json", *options]
    )
    return keep_figures(answer)


def feature_reader(name: str, suffix: str, structure: Structure, **options: Any) -> Reader:
    """Return the reader of one format of feature files."""
    settings = {key: options.pop(key) for key in ("protocol",) if key in options}
    return Reader(
        name=name,
        prepare=partial(prepare_features, suffix=suffix, **settings),
        damage=damage_files(f"features{suffix}", structure, share=0.6),
        read=partial(read_features, suffix=suffix, **settings),
        **options,
    )


def prepare_links(folder: Path) -> None:
    """Write features of another program, without a digest."""
    for name, scale in (("features.h5", 1), ("other.h5", 2)):
        arrays.write_hdf5(
            folder / name, {key.replace("pids", "pid"): scale * v for key, v in make_search().items()}
        )
    write_truth(folder, read_features(folder, suffix=".h5"))


def judge_links(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Values of other files must not be read."""
    outcome, detail = judge_plain(valid, folder, answer)
    return (Outcome.WRONG, detail) if outcome is Outcome.ACCEPTED and answer.code == 0 else (outcome, detail)


# Datasets -----------------------------------------------------------------------------------------------------------

# People and frames of the tree of each dataset, and whether it has tracks.
TREES = {
    "ilids-vid": (4, 2),
    "prid2011": (4, 2),
    "mars": (4, 2),
    "dukemtmc-videoreid": (4, 2),
    "lsvid": (4, 2),
    "market1501": (4, None),
    "dukemtmc-reid": (4, None),
    "cuhk03": (4, None),
    "viper": (4, None),
}
LABEL_SUFFIXES = {".txt", ".mat", ".json", ".csv"}
ODD_NAMES = (
    "..", "\x1b[31m", "a\nb", "person_0001", "person_1", "cam_a", "cam1", "0001", "1", "00001", "-1", "0" * 200,
    "9" * 30, "\udcff", "0001_c1s1_000001_00.jpg", "0000_000.bmp", "1_001_1_01.png", " ", "0001C1T0001F001.jpg",
    "x.jpg", ".hidden", "٣", "person٣", "0001_c٣s1_000001_00.jpg",
)  # fmt: skip


def write_tree(dataset: str, root: Path, *, marked: bool) -> None:
    """Write a small tree: rendered, with its marker, or with random pictures and no marker."""
    from reidbench.datasets.synthetic import SyntheticSettings

    people, frames = TREES[dataset]
    spec = Plugins().dataset(dataset)
    layout = load_target(dataset, str(spec.layout))
    settings = SyntheticSettings(people=people, frames=frames, seed=4, masks=marked)
    if marked or dataset == "cuhk03":
        layout.synthesize(root, settings, workers=1, progress=False)
        if not marked:
            for path in (root / spec.folder).glob("reidbench-synthetic*"):
                path.unlink()
        return
    plan, random = layout.plan(layout.resolve(settings)), Random(3)
    for name, data in plan.files.items():
        (root / spec.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (root / spec.folder / name).write_bytes(data)
    for job in plan.jobs:
        for frame in job.frames:
            pictures.write_picture(root / spec.folder / frame, random)


def prepare_tree(folder: Path, *, dataset: str, marked: bool) -> None:
    """Write the tree of a dataset to the data root `data`."""
    write_tree(dataset, folder / "data", marked=marked)
    write_truth(folder, read_tree(folder, dataset=dataset))


def read_tree(folder: Path, *, dataset: str) -> Answer:
    """Verify a tree."""
    return run_command(folder, ["data", "verify", dataset, "--data-root", "data", "--deep", "--json"])


def damage_tree(folder: Path, random: Random) -> str:
    """Damage a label file, a frame, or the name of a file or folder."""
    entries = sorted(path for path in (folder / "data").rglob("*") if path != folder / "data")
    files = [path for path in entries if path.is_file()]
    labels = [path for path in files if path.suffix in LABEL_SUFFIXES]
    choice = random.random()
    if labels and choice < 0.6:
        path = random.choice(labels)
        return damage_label_file(path, random, [other for other in labels if other.suffix == path.suffix])
    if choice < 0.8:
        path = random.choice(entries)
        try:
            new = path.with_name(
                random.choice((*ODD_NAMES, f"{path.name}.jpg", path.name.upper(), f"0{path.name}"))
            )
            if new.exists():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                return f"deleted {path.name!r}"
            path.rename(new)
        # Not every name is allowed.
        except (OSError, ValueError):
            return "nothing"
        return f"renamed {path.name!r} to {new.name!r:.60}"
    path = random.choice(files)
    if choice < 0.9:
        return f"{damage_file(path, random)} in {path.name}"
    data, _, what = pictures.make_picture(random)
    path.write_bytes(data)
    return f"{what} in {path.name}"


def damage_label_file(path: Path, random: Random, others: Sequence[Path] = ()) -> str:
    """Damage a label file by its type."""
    if path.suffix == ".mat" and random.random() < 0.6:
        structure = arrays.damage_hdf5 if path.read_bytes().startswith(b"MATLAB 7.3") else arrays.damage_mat
        return f"{structure(path, random)} ({path.name})"
    if path.suffix == ".json" and random.random() < 0.6:
        return f"{damage_json(path, random)} ({path.name})"
    edits = BYTE_EDITS if path.suffix == ".mat" else TEXT_EDITS
    return damage_file(path, random, edits, others)


def prepare_marker(folder: Path) -> None:
    """Write a rendered tree with its marker."""
    prepare_tree(folder, dataset="viper", marked=True)


def damage_marker(folder: Path, random: Random) -> str:
    """Damage the marker or the list of files."""
    marker, listing = sorted(folder.glob("data/viper/reidbench-synthetic*"), key=lambda path: path.suffix)
    if random.random() < 0.3:
        return damage_file(listing, random, TEXT_EDITS, [marker])
    return damage_json(marker, random) if random.random() < 0.6 else damage_file(marker, random, TEXT_EDITS)


def judge_marked(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """A damaged rendered tree must not hold, unless it reads like the valid one."""
    outcome, detail = judge_plain(valid, folder, answer)
    return (Outcome.WRONG, detail) if outcome is Outcome.ACCEPTED and answer.code == 0 else (outcome, detail)


def prepare_labels(folder: Path) -> None:
    """Write the label files of MARS, from which a tree can be rendered."""
    write_tree("mars", folder / "source", marked=False)
    (folder / "labels").mkdir()
    shutil.copytree(folder / "source" / "mars" / "info", folder / "labels", dirs_exist_ok=True)
    shutil.rmtree(folder / "source")


# Frames -------------------------------------------------------------------------------------------------------------


def damage_frame(folder: Path, random: Random) -> str:
    """Write a hostile frame."""
    data, suffix, what = pictures.make_picture(random)
    (folder / f"frame{suffix}").write_bytes(data)
    (folder / TRUTH).write_text(json.dumps(what))
    return f"{what} in a {suffix}"


def read_frame(folder: Path) -> Answer:
    """Decode the frame in a folder."""
    path = next(path for path in folder.iterdir() if path.stem == "frame")
    return call(folder, lambda: list(decode(path).shape))


def judge_frame(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Other formats and very large pictures must be refused."""
    what = json.loads((folder / TRUTH).read_text())
    return (Outcome.WRONG, "decoded") if what in pictures.REFUSED else (Outcome.ACCEPTED, answer.out)


def damage_deep_frame(folder: Path, random: Random) -> str:
    """Write a lossless frame of an unusual kind, and the pixels that it shows."""
    data, pixels, kind = pictures.make_deep_picture(random)
    (folder / "frame.png").write_bytes(data)
    (folder / TRUTH).write_text(json.dumps(pixels.tolist()))
    return kind


def read_deep_frame(folder: Path) -> Answer:
    """Decode the frame to numbers."""
    return call(folder, lambda: decode(folder / "frame.png").tolist())


def judge_pixels(valid: Path, folder: Path, answer: Answer) -> tuple[Outcome, str]:
    """Pixels may differ by the rounding of the conversion."""
    truth = np.array(json.loads((folder / TRUTH).read_text()))
    pixels = np.array(json.loads(answer.out))
    if truth.shape == pixels.shape and np.abs(truth - pixels).max() <= 1:
        return Outcome.SAME, ""
    return (
        Outcome.WRONG,
        f"differs by {np.abs(truth - pixels).max() if truth.shape == pixels.shape else 'shape'}",
    )


# Plugins, protocols, commands ---------------------------------------------------------------------------------------


def prepare_plugin(folder: Path) -> None:
    """Write the plugin and its protocol."""
    write_plugin(folder)
    write_truth(folder, read_protocol(folder))


def read_protocol(folder: Path) -> Answer:
    """Show the protocol of a plugin."""
    return run_command(folder, ["protocols", "tiny", "--plugin", "tiny_plugin.py", "--json"])


def read_methods(folder: Path) -> Answer:
    """Show a method of a plugin."""
    return run_command(folder, ["methods", "tiny-rows", "--plugin", "tiny_plugin.py", "--json"])


def prepare_split(folder: Path) -> None:
    """Write a protocol with a table of splits."""
    write_plugin(folder)
    rows = ["# unit: positions", "# rows of numbers", "1,2,3,4,5,6,7,8", "8,7,6,5,4,3,2,1"]
    (folder / "splits.csv").write_text("\n".join(rows) + "\n")
    protocol = folder / "tiny.toml"
    text = protocol.read_text().replace('splits = "seeded"', 'splits = "official"\ntable = "splits.csv"')
    protocol.write_text(text)
    write_truth(folder, read_split(folder))


def read_split(folder: Path) -> Answer:
    """Load a protocol with its table of splits."""
    from reidbench.protocols import load_protocol

    return call(folder, lambda: repr(load_protocol(folder / "tiny.toml")))


@cache
def _commands() -> dict[str, Any]:
    return list_commands()


def damage_command(folder: Path, random: Random) -> str:
    """Write a command line to a file."""
    arguments = make_command_line(random, _commands())
    (folder / "arguments.json").write_text(json.dumps(arguments))
    return format_arguments(arguments)


def read_command(folder: Path) -> Answer:
    """Run the command line."""
    answer = run_command(folder, json.loads((folder / "arguments.json").read_text()))
    return replace(answer, out="")


# MATLAB files -------------------------------------------------------------------------------------------------------


def prepare_mat(folder: Path) -> None:
    """Write a MATLAB file of version 5 with the variables of several datasets."""
    cell = np.empty((3, 1), dtype=object)
    cell[:, 0] = ["a.png", "bb.png", "ccc.png"]
    numbers = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], dtype=np.uint16)
    savemat(folder / "file.mat", {"numbers": numbers, "names": cell}, do_compression=True)
    write_truth(folder, read_mat(folder))


def read_mat(folder: Path) -> Answer:
    """Read both variables."""

    def read() -> dict[str, Any]:
        return {
            name: np.asarray(value).tolist()
            for name, value in load_mat(folder / "file.mat", "numbers", "names").items()
        }

    return call(folder, read)


# Archives -----------------------------------------------------------------------------------------------------------


def prepare_archive(folder: Path) -> None:
    """Write the release file of CUHK03."""
    write_tree("cuhk03", folder / "data", marked=False)
    for path in (folder / "data" / "cuhk03").glob("images_*"):
        shutil.rmtree(path)


def read_archive(folder: Path) -> Answer:
    """Extract the images."""
    return run_command(folder, ["data", "extract", "cuhk03", "--data-root", "data"])


def _make_readers() -> Mapping[str, Reader]:
    all_labels: Damage = lambda folder, random: damage_label_file(  # noqa: E731
        random.choice(sorted(path for path in folder.rglob("*") if path.suffix in LABEL_SUFFIXES)), random
    )
    readers = [
        Reader(
            name="record",
            prepare=prepare_board,
            damage=damage_files("runs/records/*/*.json", damage_json, TEXT_EDITS, 0.75),
            read=read_board,
            judge=judge_board,
            share=2,
        ),
        Reader(
            name="record-table",
            prepare=prepare_board,
            damage=damage_files("runs/records/*/*.json", damage_json, TEXT_EDITS, 0.9),
            read=read_table,
        ),
        Reader(
            name="per-query",
            prepare=prepare_board,
            damage=damage_files("runs/records/*/*.csv", None, TEXT_EDITS),
            read=read_board,
            judge=judge_board,
        ),
        Reader(
            name="verify",
            prepare=prepare_verify,
            damage=damage_verify,
            read=read_verify,
            judge=judge_verify,
        ),
        cache_reader("cache-trial", "tiny-rows", "trials/*", structure=damage_json, edits=TEXT_EDITS),
        cache_reader(
            "cache-features", "tiny-rows", "features/*/*.h5", structure=arrays.damage_hdf5, deleted=["trials"]
        ),
        cache_reader("cache-fit", "tiny-scaled", "fitted.pt", deleted=["trials", "features"]),
        cache_reader("cache-checkpoint", "tiny-net", "checkpoint*", stopped=True),
        cache_reader("cache-tree", "tiny-rows", "trees/**/*.*", deleted=["trials", "features"]),
        Reader(
            name="checkpoint",
            prepare=prepare_checkpoint,
            damage=damage_files("checkpoint.pt"),
            read=read_checkpoint,
            judge=judge_checkpoint,
        ),
        feature_reader("features-hdf5", ".h5", arrays.damage_hdf5, judge=judge_figures, share=2.0),
        feature_reader("features-protocol", ".h5", arrays.damage_hdf5, judge=judge_figures, protocol="tiny"),
        Reader(
            name="features-links",
            prepare=prepare_links,
            damage=damage_files("features.h5", arrays.put_link, share=1),
            read=partial(read_features, suffix=".h5"),
            judge=judge_links,
        ),
        feature_reader("features-npz", ".npz", arrays.damage_npz, share=1.5),
        feature_reader("features-mat", ".mat", arrays.damage_mat),
        *(
            Reader(
                name=f"tree-{dataset}",
                prepare=partial(prepare_tree, dataset=dataset, marked=False),
                damage=damage_tree,
                read=partial(read_tree, dataset=dataset),
            )
            for dataset in TREES
        ),
        Reader(
            name="tree-rendered",
            prepare=prepare_marker,
            damage=damage_tree,
            read=partial(read_tree, dataset="viper"),
            judge=judge_marked,
        ),
        Reader(
            name="marker",
            prepare=prepare_marker,
            damage=damage_marker,
            read=partial(read_tree, dataset="viper"),
            judge=judge_marked,
        ),
        Reader(
            name="labels",
            prepare=prepare_labels,
            damage=all_labels,
            read=lambda folder: run_command(
                folder,
                [
                    "data",
                    "synthesize",
                    "mars",
                    "--out",
                    "out",
                    "--labels",
                    "labels",
                    "--workers",
                    "1",
                    "--frames",
                    "1",
                ],
            ),
            share=0.3,
        ),
        Reader(
            name="mat", prepare=prepare_mat, damage=damage_files("file.mat", arrays.damage_mat), read=read_mat
        ),
        Reader(
            name="frame",
            prepare=lambda folder: None,
            damage=damage_frame,
            read=read_frame,
            judge=judge_frame,
            share=3,
        ),
        Reader(
            name="frame-depth",
            prepare=lambda folder: None,
            damage=damage_deep_frame,
            read=read_deep_frame,
            judge=judge_pixels,
        ),
        Reader(
            name="protocol",
            prepare=prepare_plugin,
            damage=damage_files("tiny.toml", damage_toml, TEXT_EDITS, 0.7),
            read=read_protocol,
            share=2,
        ),
        Reader(
            name="splits",
            prepare=prepare_split,
            damage=damage_files("splits.csv", None, TEXT_EDITS),
            read=read_split,
        ),
        Reader(
            name="plugin",
            prepare=prepare_plugin,
            damage=damage_files("tiny_plugin.py", None, TEXT_EDITS),
            read=read_methods,
        ),
        Reader(
            name="plugin-hostile",
            prepare=plugins.prepare_plugins,
            damage=plugins.write_hostile,
            read=plugins.read_hostile,
            judge=plugins.judge_hostile,
            share=4,
        ),
        Reader(
            name="archive",
            prepare=prepare_archive,
            damage=damage_files("cuhk-03.mat", arrays.damage_hdf5, share=0.6),
            read=read_archive,
        ),
        Reader(name="command", prepare=copy_world, damage=damage_command, read=read_command, share=3),
    ]
    return {reader.name: reader for reader in readers}


READERS: Mapping[str, Reader] = _make_readers()
