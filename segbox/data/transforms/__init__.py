"""Transforms: found by the registry, called as `transform(sample, rng)`."""
