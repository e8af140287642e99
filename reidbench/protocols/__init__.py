"""Protocols: what exactly is measured."""

from reidbench.protocols.explain import explain_protocol
from reidbench.protocols.loader import load_protocol
from reidbench.protocols.schema import Protocol

__all__ = ["Protocol", "explain_protocol", "load_protocol"]
