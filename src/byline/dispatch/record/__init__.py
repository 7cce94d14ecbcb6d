"""The calls and states of machines, kept for a day."""
