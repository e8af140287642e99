"""Protocols: what exactly is measured."""

from reidbench.protocols.explain import explained
from reidbench.protocols.loader import load_protocol
from reidbench.protocols.schema import Protocol

__all__ = ["Protocol", "explained", "load_protocol"]
