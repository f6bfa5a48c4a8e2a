"""Data sets: one per file, found by the registry."""
