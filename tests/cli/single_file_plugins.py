"""Write single-file plugins: with one method, from the source of its `embed` and further methods, or one protocol."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

TEMPLATE = """
import torch
from dataclasses import dataclass, field
from reidbench.datasets import stream_frames
from reidbench.plugin import Embeddings, FixedMethod, Method, MethodSpec, hookimpl

@dataclass(frozen=True, kw_only=True)
class Config:
    pass

class FileMethod({base}):
    name, version, Config, presets = "{name}", "1", Config, {{"paper": Config()}}

    def embed(self, tracklets):
{embed}
{further}
@hookimpl
def reidbench_methods():
    return [MethodSpec(name="{name}", target=f"{{__name__}}:FileMethod", summary="method of a test")]
"""

MEAN_COLOR = """
rows = [torch.tensor(frames.mean((0, 2)).ravel()) for frames in stream_frames(tracklets, (16, 8))]
return Embeddings(values=torch.stack(rows).float())
"""

# A custom distance, so that the fast path for Euclidean distances is not used.
CITY_BLOCK = """
def distance(self, query, gallery):
    return torch.cdist(query.values, gallery.values, p=1)
"""

# One trial on the layout of iLIDS-VID with 12 people.
PROTOCOL = """
title = "Twelve people"
dataset = "ilids-vid"
version = 1
trials = { count = 1, people = 12, test_people = 6, splits = "seeded", seed = 1 }
query = { camera = 1 }
gallery = { camera = 2 }
conventions = { tested_half = "first", direction = "forward" }
"""
PROTOCOL_PLUGIN = """
from pathlib import Path
from reidbench.plugin import hookimpl

@hookimpl
def reidbench_protocols():
    return [Path(__file__).parent / "{name}.toml"]
"""


def write_protocol(folder: Path, further: str = "", *, name: str = "twelve", text: str = PROTOCOL) -> Path:
    """Write a plugin file with a protocol, whose text ends with `further`, and return the path of the plugin."""
    (folder / f"{name}.toml").write_text(text + further)
    file = folder / f"{name}_protocol.py"
    file.write_text(PROTOCOL_PLUGIN.format(name=name))
    return file


def write_plugin(
    folder: Path, name: str, embed: str = MEAN_COLOR, *, base: str = "FixedMethod", further: str = ""
) -> Path:
    """Write a plugin file with the method `name` and return its path.

    Args:
        folder: directory for the file.
        name: name of the method.
        embed: body of `embed`.
        base: base class, "FixedMethod" or "Method".
        further: source of more methods of the class.
    """
    file = folder / f"{name.replace('-', '_')}_plugin.py"
    text = TEMPLATE.format(
        name=name,
        base=base,
        embed=indent(embed.strip(), " " * 8),
        further=indent(further.strip(), " " * 4) + "\n",
    )
    file.write_text(text)
    return file


def choose_method(method: str | Path) -> tuple[str, ...]:
    """Return the options that choose a method by its name, or by the file that `write_plugin` wrote."""
    if isinstance(method, str):
        return ("-m", method)
    name = method.stem.removesuffix("_plugin").replace("_", "-")
    return ("-m", name, "--plugin", str(method))
