"""`reidbench check`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from reidbench.cli.options import device_option, json_option, plugin_option, preset_option, set_option
from reidbench.cli.output import print_listing
from reidbench.errors import PluginError


@click.command()
@click.argument("method")
@preset_option
@set_option
@device_option
@plugin_option
@json_option
def check(
    method: str,
    preset: str | None,
    overrides: dict[str, str],
    device: str,
    plugin_files: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Check a method on small rendered data: what its author must hold to, and runs rely on."""
    from reidbench.plugin import Runtime
    from reidbench.plugin.loading import load_method
    from reidbench.plugin.manager import Plugins
    from reidbench.runner.device import resolve_device
    from reidbench.runner.plan import resolve_config
    from reidbench.testing import check_method

    plugins = Plugins(plugin_files)
    method_class = load_method(plugins.method(method))
    if preset is None and "small" in method_class.presets:
        preset = "small"
    _, config = resolve_config(method_class, preset, overrides)
    results = check_method(
        method_class, config, runtime=Runtime(device=resolve_device(device), progress=True), plugins=plugins
    )
    print_listing([asdict(result) for result in results], as_json=as_json)
    failed = sum(result.result == "failed" for result in results)
    if failed:
        raise PluginError(
            f"method '{method}' fails {failed} of {len(results)} checks; the table has the reasons"
        )
