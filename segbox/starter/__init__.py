"""`segbox init`: from what the doctor found in a folder, and what this machine can do, to a config that fits both."""
