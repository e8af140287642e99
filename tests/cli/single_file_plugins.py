"""Write single-file plugins with one method, from the source of its `embed` and further methods."""

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
