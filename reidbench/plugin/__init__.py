"""What plugin authors import."""

from reidbench.errors import ConfigError, WeightsError
from reidbench.plugin.config import as_plain, changed, check_settings, described, setting
from reidbench.plugin.hookspecs import hookimpl, hookspec
from reidbench.plugin.manager import PluginFailure, Plugins
from reidbench.plugin.method import Attention, Embeddings, FitJob, FixedMethod, Method, Runtime
from reidbench.plugin.specs import DatasetSpec, MethodSpec, Modality, load_target

__all__ = [
    "Attention",
    "ConfigError",
    "DatasetSpec",
    "Embeddings",
    "FitJob",
    "FixedMethod",
    "Method",
    "MethodSpec",
    "Modality",
    "PluginFailure",
    "Plugins",
    "Runtime",
    "WeightsError",
    "as_plain",
    "changed",
    "check_settings",
    "described",
    "hookimpl",
    "hookspec",
    "load_target",
    "setting",
]
