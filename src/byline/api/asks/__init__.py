"""Asks, their history and conversations over HTTP."""
