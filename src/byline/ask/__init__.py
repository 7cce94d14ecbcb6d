"""Asks: one question, from receipt to a cited, checked, signed answer. Start reading at `run`."""
