"""Cuts texts into passages: where to cut, and how long they may be."""
