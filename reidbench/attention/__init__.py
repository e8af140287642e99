"""Attention of fitted methods: shares against masks, and pictures."""
