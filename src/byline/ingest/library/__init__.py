"""The library: documents added, listed, changed, removed."""
