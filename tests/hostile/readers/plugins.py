"""Plugin files and the protocols that they offer."""

from __future__ import annotations

from pathlib import Path

from tests.calls import Answer, call, run_command
from tests.hostile import plugins
from tests.hostile.damage import TEXT_EDITS, damage_files
from tests.hostile.reader import Reader, write_truth
from tests.hostile.structures import damage_toml
from tests.hostile.world import write_plugin


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


READERS = (
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
)
