"""Runs: from a method and a protocol to a record."""

from reidbench.runner.plan import RunRequest
from reidbench.runner.session import Session

__all__ = ["RunRequest", "Session"]
