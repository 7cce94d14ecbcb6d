"""Admission to a machine, in one process and across those that share a database."""
