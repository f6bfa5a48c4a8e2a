"""Converters of mmsegmentation's parts. A new file is enough to add one."""
