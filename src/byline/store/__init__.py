"""PostgreSQL and the file store: the only package that speaks SQL."""
