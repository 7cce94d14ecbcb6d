"""Finding passages: how text is analysed, indexed, scored and searched."""
