"""Examining a Byline: `parts` looks at what runs, `place` at the computer it runs on."""
