"""The hub on trial: demonstration and measurements. Imported by the command line only.

Knows the whole hub from the outside. Nothing of the hub knows it.
"""
