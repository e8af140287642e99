"""Embeddings on disk: the cache, and feature files for exchange with other programs."""

from reidbench.features.exchange import Items, Search, SearchFile, read_searches, write_searches
from reidbench.features.store import Block, FeatureStore

__all__ = [
    "Block",
    "FeatureStore",
    "Items",
    "Search",
    "SearchFile",
    "read_searches",
    "write_searches",
]
