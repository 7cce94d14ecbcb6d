"""Checks an answer against its sources. Pure: text in, verdicts out."""
