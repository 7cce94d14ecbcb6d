"""One module for each family of formats; `file_reading.read` picks the reader."""
