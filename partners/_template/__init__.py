"""Your brand: what its points are."""
