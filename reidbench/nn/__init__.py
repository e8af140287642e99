"""Layers and distances that networks share; torch only."""

from reidbench.nn.convgru import ConvGRUCell
from reidbench.nn.distances import euclidean, mean_over_views

__all__ = ["ConvGRUCell", "euclidean", "mean_over_views"]
