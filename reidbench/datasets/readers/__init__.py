"""Readers of official layouts, one file a dataset."""
