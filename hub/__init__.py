"""The Coalition Hub: converts points between brands through a shared clearing ledger."""

__version__ = "0.1.0"
