"""The second witness of a reading: a file's own text, found without the reader."""
