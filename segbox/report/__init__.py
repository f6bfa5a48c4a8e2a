"""The pages about runs: `report.html` at the end of each, and comparisons."""
