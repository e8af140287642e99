"""Layers, backbones and distances that networks share; torch and torchvision only."""

from reidbench.nn.backbones import (
    Backbone,
    densenet121_body,
    halve_stride,
    imagenet_weights,
    resnet50_body,
    small_body,
)
from reidbench.nn.convgru import ConvGRUCell
from reidbench.nn.convlstm import ConvLSTMCell
from reidbench.nn.distances import euclidean, mean_over_views
from reidbench.nn.frames import as_input, normalize_imagenet, stack_clips
from reidbench.nn.pair_blocks import map_pair_blocks
from reidbench.nn.sequences import full_precision, valid_frames
from reidbench.nn.weights import Weights, load_strictly, read_weights, weights_digest

__all__ = [
    "Backbone",
    "ConvGRUCell",
    "ConvLSTMCell",
    "Weights",
    "as_input",
    "densenet121_body",
    "euclidean",
    "full_precision",
    "halve_stride",
    "imagenet_weights",
    "load_strictly",
    "map_pair_blocks",
    "mean_over_views",
    "normalize_imagenet",
    "read_weights",
    "resnet50_body",
    "small_body",
    "stack_clips",
    "valid_frames",
    "weights_digest",
]
