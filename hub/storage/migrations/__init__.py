"""Alembic's scripts; `versions/` holds one file per step, numbered, each with the reason for its indexes."""
