"""The public names for plugin authors."""

from reidbench.errors import ConfigError, WeightsError
from reidbench.plugin.config import check_settings, setting
from reidbench.plugin.hookspecs import hookimpl
from reidbench.plugin.method import Attention, Embeddings, FitJob, FixedMethod, Method, Runtime
from reidbench.plugin.specs import DatasetSpec, MethodSpec, Modality

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
    "Runtime",
    "WeightsError",
    "check_settings",
    "hookimpl",
    "setting",
]
