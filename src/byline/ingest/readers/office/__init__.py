"""Word files, slides and OpenDocument files, read from their XML."""
