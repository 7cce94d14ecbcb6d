"""Whether Byline is well, what happens in it, and the description of the API."""
