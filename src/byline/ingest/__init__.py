"""Documents in: what is kept, read, cut into passages and made searchable."""
