"""From files to batches of bytes."""
