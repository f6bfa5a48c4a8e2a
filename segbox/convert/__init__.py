"""Converters of published and drawn annotations to masks of class ids, one per module; `formats` lists them."""
