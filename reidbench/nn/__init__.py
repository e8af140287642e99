"""Layers, backbones and distances shared by networks; uses torch and torchvision only."""

from reidbench.nn.backbones import (
    Backbone,
    densenet121_body,
    imagenet_weights,
    map_side,
    resnet50_body,
    small_body,
)
from reidbench.nn.convgru import ConvGRUCell
from reidbench.nn.convlstm import ConvLSTMCell
from reidbench.nn.distances import euclidean, mean_over_views
from reidbench.nn.frames import normalize_clips, normalize_imagenet, stack_clips
from reidbench.nn.pair_blocks import map_pair_blocks
from reidbench.nn.sequences import upcast_half, valid_frames
from reidbench.nn.weights import Weights, load_strictly, read_weights, weights_digest

__all__ = [
    "Backbone",
    "ConvGRUCell",
    "ConvLSTMCell",
    "Weights",
    "densenet121_body",
    "euclidean",
    "imagenet_weights",
    "load_strictly",
    "map_pair_blocks",
    "map_side",
    "mean_over_views",
    "normalize_clips",
    "normalize_imagenet",
    "read_weights",
    "resnet50_body",
    "small_body",
    "stack_clips",
    "upcast_half",
    "valid_frames",
    "weights_digest",
]
