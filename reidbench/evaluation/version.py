"""The version of the evaluation rules: part of every protocol fingerprint, changed whenever a figure may change."""

EVALUATOR_VERSION = "2"
