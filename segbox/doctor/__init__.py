"""`segbox check` and `segbox init`: read every file of a data set, and report problems."""
