"""Asks and conversations of the past: stored, listed, found, exported."""
