"""The page at the end of a training or a test: `report.html`."""
