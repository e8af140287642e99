"""Embeddings on disk: the cache, and files that others can read and write."""

from reidbench.features.exchange import Items, Search, SearchFile, read_searches, write_searches
from reidbench.features.store import Block, FeatureStore, read_block

__all__ = [
    "Block",
    "FeatureStore",
    "Items",
    "Search",
    "SearchFile",
    "read_block",
    "read_searches",
    "write_searches",
]
