"""Look at a data set before training: its layout, every file in it, and what is wrong."""
