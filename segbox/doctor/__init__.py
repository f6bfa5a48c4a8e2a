"""`segbox check` and `segbox init`: read every file of a data set, report problems, write a first config."""
