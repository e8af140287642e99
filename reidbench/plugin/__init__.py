"""What plugin authors import."""

from reidbench.errors import ConfigError, WeightsError
from reidbench.plugin.config import apply_overrides, as_plain, check_settings, describe_settings, setting
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
    "apply_overrides",
    "as_plain",
    "check_settings",
    "describe_settings",
    "hookimpl",
    "hookspec",
    "load_target",
    "setting",
]
