"""One module a family of formats; `reading.read` picks the reader."""
