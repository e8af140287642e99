"""The cache of embeddings."""

from reidbench.features.store import Block, FeatureStore, read_block

__all__ = ["Block", "FeatureStore", "read_block"]
