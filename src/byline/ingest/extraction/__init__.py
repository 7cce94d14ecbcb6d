"""Reads files in child processes."""
