"""Builds objects."""
