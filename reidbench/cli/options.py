"""Options that several commands share: one definition per option."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import click

from reidbench.errors import quote

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]


def parse_assignments(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    """Return the names and values of NAME=VALUE options."""
    pairs = [value.partition("=") for value in values]
    invalid = [value for value, (name, sign, _) in zip(values, pairs, strict=True) if not (name and sign)]
    if invalid:
        raise click.BadParameter(f"must have the form NAME=VALUE, got {quote(invalid[0])}")
    return {name.strip(): text for name, _, text in pairs}


def parse_lengths(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, ...]:
    """Return the numbers of a list such as 1,2,4,8."""
    try:
        return tuple(int(part) for part in value.split(",")) if value else ()
    except ValueError:
        raise click.BadParameter(
            f"must be a list of whole numbers such as 1,2,4,8, got {quote(value)}"
        ) from None


def combine(*options: Decorator) -> Decorator:
    """Return one decorator that adds options, shown in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, and nothing else.")
plugin_option = click.option(
    "--plugin",
    "plugin_files",
    multiple=True,
    metavar="FILE.py",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Load a single-file plugin for this command; may be repeated.",
)
output_option = click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Directory of records and logs.",
)
convention_option = click.option(
    "--convention",
    "conventions",
    multiple=True,
    metavar="NAME=VALUE",
    callback=parse_assignments,
    help="Use another convention of the protocol; may be repeated. `reidbench protocols NAME` lists them.",
)
train_on_option = click.option(
    "--train-on", metavar="PROTOCOL", help="Train on another protocol's dataset (transfer)."
)
data_root_option = click.option(
    "--data-root",
    type=click.Path(path_type=Path),
    help="Directory that contains the datasets [default: $REIDBENCH_DATA, else data].",
)
synthetic_option = click.option(
    "--synthetic", is_flag=True, help="Use a rendered tree with the layout and size of the dataset."
)
preset_option = click.option("--preset", help="Named settings of the method [default: its first preset].")
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME=VALUE",
    callback=parse_assignments,
    help="Change one setting of the method; may be repeated.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="First seed of the random numbers: of the training, or of the rendered people.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="Torch device: auto, cpu, cuda or cuda:N."
)
rerank_option = click.option(
    "--rerank", is_flag=True, help="Re-rank with k-reciprocal neighbours; the record is transductive."
)
far_option = click.option(
    "--far",
    "fars",
    multiple=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Also compute the true accept rate at this false accept rate; may be repeated.",
)
choice_options = combine(
    train_on_option,
    convention_option,
    data_root_option,
    synthetic_option,
    preset_option,
    set_option,
    seed_option,
    device_option,
)
"""The options of every command that fits a method on the data of a protocol."""
