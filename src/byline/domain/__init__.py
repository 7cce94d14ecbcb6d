"""The words Byline thinks in: frozen values without behaviour of their own."""
