"""From what others publish or draw to masks of class ids: one converter per module, listed in `commands`."""
