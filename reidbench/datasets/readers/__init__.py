"""Readers of official layouts, one module per dataset."""
