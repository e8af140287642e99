"""What plugin authors import."""

from reidbench.errors import ConfigError, WeightsError
from reidbench.plugin.config import as_plain, changed, described
from reidbench.plugin.hookspecs import hookimpl, hookspec
from reidbench.plugin.manager import PluginFailure, Plugins
from reidbench.plugin.method import Embeddings, FitJob, FixedMethod, Method, Runtime
from reidbench.plugin.specs import DatasetSpec, MethodSpec, Modality, load_target

__all__ = [
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
    "described",
    "hookimpl",
    "hookspec",
    "load_target",
]
