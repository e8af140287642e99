"""`reidbench methods | protocols | datasets | plugins`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from reidbench.cli.options import convention_option, json_option, plugin_option
from reidbench.cli.output import print_item, print_listing
from reidbench.errors import ReidbenchError

log = logging.getLogger(__name__)


@click.command()
@click.argument("name", required=False)
@plugin_option
@json_option
def methods(name: str | None, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List methods, or show the settings and presets of one method."""
    from reidbench.plugin.config import describe_settings
    from reidbench.plugin.loading import load_method
    from reidbench.plugin.manager import Plugins

    registry = Plugins(plugin_files)
    if name is None:
        rows = [
            {"name": spec.name, "modality": spec.modality, "summary": spec.summary}
            for spec in registry.methods.values()
        ]
        print_listing(rows, as_json=as_json)
        return
    spec = registry.method(name)
    method = load_method(spec)
    default, config = next(iter(method.presets.items()))
    facts = {
        "name": spec.name,
        "version": method.version,
        "source": registry.source(name).value,
        "modality": spec.modality,
        "summary": spec.summary,
        "presets": list(method.presets),
        "default": default,
        "settings": describe_settings(config),
    }
    print_item(facts, as_json=as_json)


@click.command()
@click.argument("name", required=False)
@convention_option
@plugin_option
@json_option
def protocols(
    name: str | None, conventions: dict[str, str], plugin_files: tuple[Path, ...], as_json: bool
) -> None:
    """List protocols, or show the rules, conventions and sources of one protocol."""
    from reidbench.plugin.manager import Plugins
    from reidbench.protocols import explain_protocol, load_protocol

    registry = Plugins(plugin_files)
    if name is None:
        loaded = []
        for file in registry.protocols.values():
            try:
                loaded.append(load_protocol(file))
            # One broken file removes only itself.
            except ReidbenchError as error:
                log.warning("left out: %s", error)
        rows = [
            {
                "name": protocol.name,
                "dataset": protocol.dataset,
                "trials": protocol.trials.count,
                "title": protocol.title,
            }
            for protocol in loaded
        ]
        print_listing(rows, as_json=as_json)
        return
    protocol = load_protocol(registry.protocol(name)).with_conventions(conventions)
    facts: dict[str, Any] = {"name": protocol.name, "title": protocol.title}
    if as_json:
        facts |= {**protocol.semantics(), "sources": dict(protocol.sources)}
    else:
        facts |= {"dataset": protocol.dataset, "modality": protocol.modality, "version": protocol.version}
    print_item({**facts, "rules": explain_protocol(protocol)}, as_json=as_json)


@click.command()
@click.argument("name", required=False)
@plugin_option
@json_option
def datasets(name: str | None, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List datasets, or show the folder of one dataset and how to obtain it."""
    from reidbench.plugin.manager import Plugins

    registry = Plugins(plugin_files)
    if name is None:
        rows = [
            {"name": spec.name, "folder": spec.folder, "status": spec.status, "summary": spec.summary}
            for spec in registry.datasets.values()
        ]
        print_listing(rows, as_json=as_json)
        return
    spec = registry.dataset(name)
    print_item(
        {
            "name": spec.name,
            "folder": spec.folder,
            "summary": spec.summary,
            "status": spec.status,
            "access": spec.access,
            "synthetic": spec.layout is not None,
        },
        as_json=as_json,
    )


@click.command()
@click.option("--strict", is_flag=True, help="Exit with 1 if a plugin failed.")
@plugin_option
@json_option
def plugins(strict: bool, plugin_files: tuple[Path, ...], as_json: bool) -> None:
    """List plugins with their hooks, and the failed ones with the reason."""
    from reidbench.plugin.manager import Plugins

    registry = Plugins(plugin_files, keep_failed_files=True)
    # The registering hooks can fail too.
    _ = registry.methods, registry.datasets, registry.protocols
    rows = [
        {"name": name, "origin": origin, "hooks": registry.hooks_of(name), "failure": ""}
        for name, origin in registry.origins.items()
    ]
    rows += [
        {"name": f.plugin, "origin": f.origin, "hooks": [], "failure": str(f)} for f in registry.failures
    ]
    print_listing(rows, as_json=as_json)
    if strict and registry.failures:
        raise SystemExit(1)
